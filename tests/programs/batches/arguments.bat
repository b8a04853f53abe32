@echo off
:loop
if "%~1"=="" goto done
echo arg [%1] [%~1]
shift
goto loop
:done
echo %* 
if [%1]==[] echo none
