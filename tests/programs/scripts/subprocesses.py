"""Children with pipes, time limits, signals and folders of their own."""

import os
import signal
import subprocess
import sys

done = subprocess.run(["tr", "a-z", "A-Z"], check=True, input="x" * 300_000, capture_output=True, text=True)
print(len(done.stdout), done.stdout[:3], done.returncode)
try:
    subprocess.run(["sleep", "10"], check=False, timeout=0.2)
except subprocess.TimeoutExpired:
    print("too late")
print(subprocess.call("exit 3", shell=True), subprocess.call(["sh", "-c", "kill -9 $$"]))
print(subprocess.check_output(["pwd"], cwd="/usr", env={"PATH": "/bin:/usr/bin"}, start_new_session=True))
try:
    subprocess.call(["/no/such/program"])
except FileNotFoundError as error:
    print(error.strerror)
first = subprocess.Popen(["seq", "5"], stdout=subprocess.PIPE)
second = subprocess.Popen(["tac"], stdin=first.stdout, stdout=subprocess.PIPE)
assert first.stdout is not None
first.stdout.close()
print(second.communicate()[0].split())
stopped = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
os.kill(stopped.pid, signal.SIGTERM)
print(stopped.wait())
