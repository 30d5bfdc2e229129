"""Programs that do harm: each is run with one word that tells its processes from all others, and says what it did."""

EXITS_AT_ONCE = "import os; os._exit(3)"

SLEEPS = "import time; time.sleep(600)"

FORKS_WITHOUT_END = """
import os, time
while True:
    try:
        if os.fork() == 0:
            time.sleep(600)
    except OSError:
        time.sleep(0.01)
"""

FORKS_UNTIL_IT_IS_REFUSED = """
import os, time
count = 0
try:
    while os.fork():
        count += 1
except OSError as error:
    print(count, error.strerror)
else:
    time.sleep(600)
"""

FORKS_TWICE_EACH = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""

ALLOCATES_WITHOUT_END = """
kept = []
while True:
    kept.append(b"x" * 2**22)
"""

WRITES_ONE_FILE = """
import os
with open("large", "wb") as file:
    while True:
        file.write(bytes(2**20))
        file.flush()
"""

WRITES_LARGE_FILES = """
for number in range(10**6):
    try:
        with open(f"large-{number}", "wb") as file:
            while file.write(b"x" * 2**20):
                pass
    except OSError:
        pass
"""

WRITES_MANY_FILES = """
for number in range(10**9):
    open(f"small-{number}", "w").close()
"""

WRITES_FOLDERS_IN_FOLDERS = """
import os
while True:
    os.mkdir("deeper")
    os.chdir("deeper")
"""

HIDES_IN_THE_DEEP = """
import os
for _ in range(100):
    os.mkdir("deeper")
    os.chdir("deeper")
open("hidden", "w").close()
"""

HIDES_BEHIND_A_CLOSED_DOOR = """
import os
os.makedirs("closed/within")
open("closed/within/hidden", "w").close()
for folder in ("closed/within", "closed", "."):
    os.chmod(folder, 0)
"""

WRITES_FILES_WITHOUT_A_NAME = """
import os
kept = []
while True:
    file = open("gone", "wb")
    os.unlink("gone")
    kept.append(file)
    try:
        while file.write(b"x" * 2**20):
            pass
    except OSError:
        pass
"""

FILLS_MEMORY_THAT_LOOKS_LIKE_A_DISK = """
import os, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
kept = []
while True:
    kept.append(os.memfd_create("x"))
    try:
        while os.write(kept[-1], b"x" * 2**20):
            pass
    except OSError:
        pass
"""

FILLS_EVERY_OTHER_PLACE = """
import os
wrote = 0
for place in ("/", "/tmp", "/dev", "/dev/shm", "/var/tmp", "/run", os.path.expanduser("~")):
    try:
        with open(os.path.join(place, "large"), "wb", buffering=0) as file:
            while True:
                wrote += file.write(b"x" * 2**20)
    except OSError:
        pass
print("wrote", wrote)
"""

PRINTS_WITHOUT_MEASURE = """
import sys
print("the beginning")
for _ in range(50):
    sys.stdout.write("x" * 2**20)
print("the end")
"""

PRINTS_WHAT_STEERS_A_TERMINAL = r"print('\x1b[2J\x1b]0;passed\x07 all checks passed \u202e')"

PRINTS_A_RESULT = """print('{"rmse": 0.0, "status": "passed"}')"""

ENDS_ITS_GROUP = """
import os, signal
os.killpg(0, signal.SIGKILL)
"""

ENDS_WHOM_IT_CAN = """
import os, signal, sys
if os.path.exists(sys.argv[2]):
    sys.exit("not in a sandbox, so this would do harm")
for id in (os.getppid(), 1, -1):
    try:
        os.kill(id, signal.SIGKILL)
    except OSError as error:
        print(error)
"""

LEAVES_A_CHILD = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for stream in (0, 1, 2):
            os.close(stream)
        time.sleep(600)
    os._exit(0)
os.wait()
"""

LEAVES_A_CHILD_THAT_FORGOT_WHERE_IT_CAME_FROM = """
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", *sys.argv[1:]], {})
    os._exit(0)
os.wait()
"""

SHOWS_WHERE_IT_IS = """
import json, os
world = [place for place in os.listdir("/") if place not in ("usr", "proc", "dev", "lib", "lib64", "bin", "sbin")]
seen = []
for place in world:
    for _, folders, names in os.walk("/" + place):
        seen += names
        folders[:] = [name for name in folders if name != "site-packages"]
with open("/proc/self/status") as file:
    status = dict(line.rstrip("\\n").split(":\\t", 1) for line in file)
print(json.dumps({
    "canaries": [name for name in seen if "canary" in name],
    "rights": status["CapEff"],
    "new rights": status["NoNewPrivs"],
    "user": os.getuid(),
    "groups": os.getgroups(),
    "processes": [name for name in os.listdir("/proc") if name.isdigit()],
    "input": os.read(0, 10).decode(),
    "files": sorted(os.listdir("/proc/self/fd")),
}))
"""

READS = """
import sys
for path in sys.argv[2:]:
    try:
        print(open(path).read())
    except OSError as error:
        print(error.strerror)
"""

CALLS_HOME = """
import socket, sys
for family, address in (
    (socket.AF_INET, ("127.0.0.1", int(sys.argv[2]))),
    (socket.AF_UNIX, sys.argv[3]),
    (socket.AF_UNIX, "\\0" + sys.argv[1]),
):
    try:
        with socket.socket(family) as line:
            line.settimeout(1)
            line.connect(address)
            print("connected")
    except OSError as error:
        print(type(error).__name__)
"""

LEAVES_A_LINK = "import os, sys; os.symlink(sys.argv[2], 'result')"
LEAVES_A_PIPE = "import os; os.mkfifo('result')"
LEAVES_A_FOLDER = "import os; os.mkdir('result')"
LEAVES_A_HUGE_HOLE = "open('result', 'w').truncate(10**7)"
LEAVES_A_RESULT = "import sys; open('result', 'w').write('42'); print('done')"
