@echo off
if 1==1 (
  if 2==2 (
    for %%a in (1 2) do (
      if %%a==2 (echo two) else (
        echo one
      )
    )
  ) else (
    echo wrong
  )
)
(
echo block
echo lines
) | find "l"
set LIST=
for %%i in (x y z) do call set LIST=%%LIST%%%%i
echo %LIST%
if "%LIST%"=="xyz" (echo ok) else (echo [%LIST%])
rem comment & echo not shown
:: label comment
goto %undefinedvar%label
echo skipped
:label
echo at label
call :nolabel
echo after %errorlevel%
cmd /v:on /c "set Z=1& echo !Z!"
cmd /c "echo one & echo two"
cmd /s /c "echo "quoted""
cmd /c "a||b"
goto nowhere
echo after goto
