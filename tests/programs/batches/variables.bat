@echo off
setlocal enabledelayedexpansion
set X=1
for %%i in (a b c) do (
  set X=!X!%%i
  echo %X% !X!
)
set S=hello world
echo !S:world=there! !S:~0,5! !S:~-5! %S:o=0% %S:~2,3%
set V=X
echo !%V%!
endlocal
echo [%X%] !X!
setlocal
set Y=in
endlocal
echo [%Y%]
set /a A=(2+3)*4 %% 7, B=1 ^<^< 4
echo %A% %B%
set /a "C=0x10|3" & echo. & echo %C%
set /a D=07+1
echo %D%
set /a D+=5
echo %D%
set "Q=quo ted"
echo [%Q%]
