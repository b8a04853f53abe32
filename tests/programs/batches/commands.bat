@echo off
echo.
echo;semicolon
echo on
echo visible
@echo off
echo %1 %2 %9
echo ^& ^| ^> ^^ 100%%
echo "quoted & amp"
pushd sub
cd
popd
cd
pushd nowhere
dir /b
copy a.txt b.txt
type b.txt
copy /y a.txt+b.txt c.txt
type c.txt
ren c.txt d.txt
if exist d.txt echo renamed
move d.txt sub\e.txt
dir /b sub
del b.txt
del sub\e.txt
md deep\er\yet
rd deep\er\yet
rd deep
rd /s /q deep
if not exist deep echo gone
type nothere.txt
copy nothere.txt x
del nothere.txt
ren nothere.txt y
md sub
rd nothere
title something
ver > nul
path > nul
prompt $g
assoc .xyz=xyzfile
assoc .xyz
ftype xyzfile=notepad %%1
ftype xyzfile
set NOSUCHVAR
date /t > nul
time /t > nul
sub\notexec
nosuchcommand
echo %errorlevel%
