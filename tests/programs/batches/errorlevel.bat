@echo off
cmd /c exit 3
if errorlevel 4 echo four
if errorlevel 3 echo three
echo %errorlevel%
if %errorlevel% equ 3 echo equ
cmd /c exit /b 300
echo %errorlevel%
cmd /c exit -1
echo %errorlevel%
exit /b 7
