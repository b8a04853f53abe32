@echo off
echo a||echo b
echo a&&echo b
verify nonsense||echo b
cd nowhere && echo no
cd nowhere || echo yes
(echo x & echo y) > out.txt
type out.txt
if exist out.txt (echo there) else echo not
if not exist nope.txt (echo not there) else (echo there)
if "a"=="A" echo same
if /i "a"=="A" echo same blind
if 3 LSS 10 echo less
if 10 GEQ 3 echo more
if abc LSS abd echo lessalpha
if defined PATH echo defined
if not defined NOPE_X echo undefined
del out.txt
echo end %errorlevel%
