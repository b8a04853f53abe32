@echo off
echo %~n0 %~x0 %~nx0
if "%~dp0"=="%CD%\" (echo dp0 is cd) else echo dp0 %~dp0 cd %CD%
echo %~f1
echo %~dp1 %~nx1 %~z1 %~a1
cd ..
if "%~dp0"=="%CD%\" (echo dp0 is cd) else echo dp0 differs
