@echo off
call :sub one "two words" three
echo back %errorlevel%
call called.bat x y
echo from other: %OTHER%
call :rec 3
goto :skip
echo never
:skip
goto end
:sub
echo in sub %0 %1 %2 %~2 %*
shift
echo shifted %1 %2
exit /b 5
:rec
echo rec %1
set /a n=%1-1
if %n% gtr 0 call :rec %n%
goto :eof
:end
echo done
