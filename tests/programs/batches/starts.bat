@echo off
start /wait cmd /c exit 3
echo wait %errorlevel%
start /b /wait cmd /c echo from b
echo b %errorlevel%
start "title" /wait cmd /c "echo titled & exit 4"
echo title %errorlevel%
start /b cmd /c exit 5
echo nowait %errorlevel%
start nothere_program
echo nothere %errorlevel%
