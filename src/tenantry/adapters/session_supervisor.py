"""The parent of a compute session's processes: a program of its own, run once a session.

It outlives the server that began it. What the session starts and leaves behind becomes its child,
so it knows when the last process has gone; then it writes down how the command ended and what all
of them used. It holds a lock while anything runs, which the system takes back when it dies.

Runs with the standard library only: `python -I -S session_supervisor.py FOLDER`. The answer on
standard output is `started`, `already` or `failed` and a reason.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any

LOCK_SECONDS = 5.0
SET_PARENT_DEATH_SIGNAL, SET_CHILD_SUBREAPER, SET_NO_NEW_PRIVILEGES = 1, 36, 38
LIBC = ctypes.CDLL(None, use_errno=True)
NEW_MOUNTS, NEW_USERS = 0x20000, 0x10000000
OPEN_TREE, MOVE_MOUNT, MOUNT_SETATTR = 428, 429, 442
AT_CWD, EMPTY_PATH, RECURSIVELY = -100, 0x1000, 0x8000
CLONE, FROM_EMPTY_PATH, PRIVATE = 1, 4, 1 << 18
READ_ONLY, NO_SETUID, NO_DEVICES, MAPPED = 1, 2, 4, 0x100000
"""Numbers of Linux, the same on all of its machines: see mount_setattr(2) and open_tree(2)."""
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
    with contextlib.suppress(BrokenPipeError):  # it has failed before it came to the gate
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
        mount_all(order)
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
        what = getattr(error, "filename", None)
        said = getattr(error, "strerror", None) or str(error)
        os.write(trouble, (f"{what}: {said}" if what in names(order) else said).encode()[:900])
    finally:
        os._exit(127)


def names(order: Order) -> list[str]:
    """What the vfolders are called in the session."""
    return [mount["name"] for mount in order.get("mounts", [])]


def mount_all(order: Order) -> None:
    """Mount the vfolders, for this session only; elsewhere than as root they are links.

    They lie where only root can go, so that a session has those that were mounted for it, and
    has them as they were mounted.
    """
    if os.geteuid() != 0 or not names(order):
        return
    if LIBC.unshare(NEW_MOUNTS) != 0:
        raise failure("mounting")
    set_attributes(AT_CWD, b"/", RECURSIVELY, propagation=PRIVATE)
    for mount in order["mounts"]:
        try:
            mount_one(mount, order["uid"], order["gid"])
        except OSError as error:
            error.filename = mount["name"]
            raise


def mount_one(mount: dict[str, Any], uid: int, gid: int) -> None:  # Any: as in Order
    """Mount one so that its owner on the disk is the session's user, and the other way round.

    Whatever identities the users of a folder have, on the disk all of it belongs to one.
    """
    owner = Path(mount["path"]).lstat()
    tree = system_call(OPEN_TREE, AT_CWD, mount["path"].encode(), CLONE | os.O_CLOEXEC)
    attributes = NO_SETUID | NO_DEVICES | (READ_ONLY if mount["read_only"] else 0)
    if (owner.st_uid, owner.st_gid) == (uid, gid):
        set_attributes(tree, b"", EMPTY_PATH, attributes)
    else:
        namespace = user_namespace(f"{owner.st_uid} {uid} 1", f"{owner.st_gid} {gid} 1")
        set_attributes(tree, b"", EMPTY_PATH, attributes | MAPPED, users=namespace)
        os.close(namespace)
    target = f"work/{mount['name']}".encode()
    system_call(MOVE_MOUNT, tree, b"", AT_CWD, target, FROM_EMPTY_PATH)
    os.close(tree)


def user_namespace(uids: str, gids: str) -> int:
    """A handle to a user namespace with these maps; only a process can make one."""
    ready, ready_end = os.pipe()
    done, done_end = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(done_end)
        os.write(ready_end, b"!" if LIBC.unshare(NEW_USERS) == 0 else b"")
        os.close(ready_end)
        os.read(done, 1)
        os._exit(0)
    os.close(ready_end)
    try:
        if not os.read(ready, 1):
            raise OSError(errno.EPERM, "the system makes no user namespaces")
        process = Path(f"/proc/{helper}")
        (process / "uid_map").write_text(uids)
        (process / "gid_map").write_text(gids)
        return os.open(process / "ns" / "user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        for end in (ready, done, done_end):
            os.close(end)
        os.waitpid(helper, 0)


def set_attributes(
    at: int, path: bytes, flags: int, attributes: int = 0, *, propagation: int = 0, users: int = 0
) -> None:
    """Linux's mount_setattr(2)."""
    wanted = struct.pack("=QQQQ", attributes, 0, propagation, users)
    system_call(MOUNT_SETATTR, at, path, flags, wanted, len(wanted))


def system_call(number: int, *arguments: int | bytes) -> int:
    """A call that the C library may be too old to know."""
    passed = [a if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments]
    answer: int = LIBC.syscall(ctypes.c_long(number), *passed)
    if answer < 0:
        raise failure("mounting")
    return answer


def failure(what: str) -> OSError:
    """What the C library's last call met."""
    number = ctypes.get_errno()
    return OSError(number, f"{what} is not possible here ({os.strerror(number)})")


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
    function = getattr(LIBC, "prctl", None)
    if function is not None:
        function(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
