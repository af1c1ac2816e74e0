"""The parent of a compute session's processes: a program of its own, run once a session.

It outlives the server that began it. What the session starts and leaves behind becomes its child,
so it knows when the last process has gone; then it writes down how the command ended and what all
of them used. It holds a lock while anything runs, which the system takes back when it dies.

Runs with the standard library only: `python -I -S session_supervisor.py FOLDER`. The answer on
standard output is `started`, `already` or `failed` and a reason.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

LOCK_SECONDS = 5.0
SET_PARENT_DEATH_SIGNAL, SET_CHILD_SUBREAPER, SET_NO_NEW_PRIVILEGES = 1, 36, 38
DEAF_TO = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)

Order = dict[str, Any]  # Any: values of several types, as the agent wrote them


def main(place: Path) -> None:
    """Run the session of this folder, unless it runs or has run already."""
    os.setsid()
    os.chdir(place)
    for number in DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    if not take_lock() or Path("exit.json").exists() or Path("process.json").exists():
        answer("already")
        return
    control(SET_CHILD_SUBREAPER, 1)
    order: Order = json.loads(Path("order.json").read_text())
    gate_end, gate = os.pipe()
    trouble, trouble_end = os.pipe()
    baseline = io_of_self()
    child = os.fork()
    if child == 0:
        os.close(gate)
        os.close(trouble)
        become(order, gate_end, trouble_end)
    os.close(gate_end)
    os.close(trouble_end)
    write(
        "process.json",
        {"pid": os.getpid(), "started": started(os.getpid()), "child": child, "io": baseline},
    )
    os.write(gate, b"!")
    os.close(gate)
    said = os.read(trouble, 1000).decode(errors="replace")
    if said:
        os.waitpid(child, 0)
        write("exit.json", {"exit_code": None, "ended_at": time.time(), "error": said})
        answer(f"failed {said}")
        return
    answer("started")
    write("exit.json", farewell(child, baseline))


def take_lock() -> bool:
    """Hold the lock that says that the session runs; False where another supervisor has it.

    Whoever only looks at the lock holds a shared one for a moment.
    """
    handle = os.open("alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if Path("process.json").exists() or time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        else:
            return True


def become(order: Order, gate: int, trouble: int) -> None:
    """In the child: put on the session's identity and limits, then be its command."""
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        for number in DEAF_TO:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        os.umask(0o077)
        for name, target in (("stdout", 1), ("stderr", 2)):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), target)
        os.chdir("work")
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        limit_memory(order["memory"])
        put_on_identity(order)
        control(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if not order["sudo"]:
            control(SET_NO_NEW_PRIVILEGES, 1)
        if not os.read(gate, 1):
            os._exit(127)
        os.execvpe(order["command"][0], order["command"], order["environment"])  # noqa: S606 - that is what sessions are for
    except (OSError, ValueError) as error:
        os.write(trouble, str(getattr(error, "strerror", None) or error).encode()[:900])
    finally:
        os._exit(127)


def limit_memory(most: int) -> None:
    """Limit what each process may write to in private.

    Not what it maps: runtimes reserve far more addresses than they ever use, and RLIMIT_AS would
    stop them at once.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def put_on_identity(order: Order) -> None:
    """Become the session's user, where the server may do that."""
    if os.geteuid() != 0:
        return
    os.setgroups(order["gids"])
    os.setgid(order["gid"])
    os.setuid(order["uid"])


def farewell(child: int, baseline: list[int]) -> dict[str, object]:
    """Wait until the last process has gone; how the command ended, and what all of them used."""
    code: int | None = None
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            break
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            code = 128 - code if code < 0 else code
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    now = io_of_self()
    return {
        "exit_code": code,
        "ended_at": time.time(),
        "cpu": used.ru_utime + used.ru_stime,
        "read": max(0, now[0] - baseline[0]),
        "write": max(0, now[1] - baseline[1]),
    }


def io_of_self() -> list[int]:
    """Bytes read and written so far, those of children that have been waited for included."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return [0, 0]
    numbers = dict(line.split(": ") for line in lines)
    return [int(numbers["read_bytes"]), int(numbers["write_bytes"])]


def started(pid: int) -> int:
    """When the process began, in the system's ticks; with it a reused number is found out."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
    except (OSError, IndexError):
        return 0


def write(name: str, value: object) -> None:
    """Write a file that is there whole or not at all."""
    fresh = Path(f"{name}.new")
    with fresh.open("w") as out:
        json.dump(value, out)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(name)


def answer(text: str) -> None:
    """Tell whoever began this, and let go of the pipe."""
    with contextlib.suppress(BrokenPipeError):  # the server was killed; the session goes on
        os.write(1, text.encode())
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)


def control(option: int, value: int) -> None:
    """Linux's prctl; elsewhere the system has no such thing, and what depends on it is missing."""
    function = getattr(ctypes.CDLL(None), "prctl", None)
    if function is not None:
        function(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
