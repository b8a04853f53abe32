@set OTHER=%1+%2
@exit /b 2
