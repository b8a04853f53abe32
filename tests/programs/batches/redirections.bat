@echo off
echo to file> f1.txt
echo again>> f1.txt
type f1.txt
echo err 1>&2
echo both> f2.txt 2>&1
type nothere.txt 2> f3.txt
for %%f in (f3.txt) do if %%~zf gtr 0 echo has error text
type f1.txt | find "again" | find /v "x"
(echo 1& echo 2) | find "2"
echo x>nul
set /p VAR=< f1.txt
echo [%VAR%]
set /p VAR=prompt: < f2.txt
echo [%VAR%]
more < f1.txt
del f1.txt f2.txt f3.txt
