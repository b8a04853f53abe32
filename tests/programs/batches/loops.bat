@echo off
(echo one,two,three& echo four,five,six) > list.txt
for /f "tokens=1,3 delims=," %%a in (list.txt) do echo %%a-%%b
for /f "skip=1 tokens=2* delims=," %%a in (list.txt) do echo %%a-%%b
for /f %%i in ('echo command output') do echo [%%i]
for /f "tokens=*" %%i in ('type list.txt ^| find "five"') do echo piped %%i
for /f "usebackq tokens=1" %%i in (`echo back quote`) do echo %%i
for /f "tokens=1,2" %%i in ("a string here") do echo %%j %%i
for /f "eol=f delims=" %%i in (list.txt) do echo %%i
for /f "delims=" %%i in (nothere.txt) do echo %%i
for /l %%i in (1,2,7) do echo %%i
for /l %%i in (5,-2,1) do (echo %%i& if %%i==3 echo three)
for %%i in (a b "c d") do echo %%~i
for %%i in (*.txt) do echo %%i %%~ni %%~xi
mkdir s1 s2 s1\s3
for /d %%i in (*) do echo dir %%i
echo x> s1\s3\f.q
for /r %%i in (*.q) do echo %%~nxi
rmdir /s /q s1
rmdir s2
del list.txt
