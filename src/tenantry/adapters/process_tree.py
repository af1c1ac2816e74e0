"""The processes of a compute session: found in several ways, so that none gets away."""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tenantry.adapters.session_supervisor import started

MARK = "TENANTRY_COMPUTE_SESSION"
"""A variable in the environment of everything that a session starts."""

_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied)


@dataclass(frozen=True)
class Used:
    """What processes have used: seconds and bytes."""

    cpu: float = 0.0
    memory: int = 0
    read: int = 0
    write: int = 0


def is_same(pid: int, start: int) -> bool:
    """Whether the process of this number is the one that began then, and is no zombie."""
    if start and started(pid) != start:
        return False
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except _GONE:
        return False


def children_by_parent() -> dict[int, list[psutil.Process]]:
    """All processes of this machine by their parent's number, in one look."""
    found: dict[int, list[psutil.Process]] = defaultdict(list)
    for process in psutil.process_iter(["ppid"]):
        found[process.info["ppid"]].append(process)
    return found


def descendants(
    pid: int, families: dict[int, list[psutil.Process]] | None = None
) -> list[psutil.Process]:
    """Children, their children and so on, parents before their children."""
    families = children_by_parent() if families is None else families
    found: list[psutil.Process] = []
    waiting = [pid]
    while waiting:
        children = families.get(waiting.pop(0), [])
        found += children
        waiting += [child.pid for child in children]
    return found


def marked(session: str) -> list[psutil.Process]:
    """Processes whose environment says that they are of this session."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == session:
                found.append(process)
        except (*_GONE, OSError):
            continue
    return [process for process in found if process.pid != os.getpid()]


def living(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a zombie only waits to be collected."""
    found = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except _GONE:
            continue
    return found


def send(processes: Iterable[psutil.Process], number: int) -> None:
    """Signal them; psutil sees to it that none of another start gets a signal meant for one."""
    for process in processes:
        try:
            process.send_signal(number)
        except (*_GONE, ProcessLookupError, PermissionError):
            continue


def used_by(
    supervisor: int, baseline: tuple[int, int], families: dict[int, list[psutil.Process]]
) -> Used:
    """What a supervisor's descendants have used, the ones that have ended included.

    What an ended process used is added to whoever waited for it, and in the end that is the
    supervisor. Parents are read before children: one that is collected in between is missed
    this time and not counted twice.
    """
    cpu, memory, read, write = 0.0, 0, -baseline[0], -baseline[1]
    for process in [psutil.Process(supervisor), *descendants(supervisor, families)]:
        try:
            with process.oneshot():
                times, counters = process.cpu_times(), _io(process)
                cpu += times.children_user + times.children_system
                read, write = read + counters[0], write + counters[1]
                if process.pid != supervisor:
                    cpu += times.user + times.system
                    memory += process.memory_info().rss
        except _GONE:
            continue
    return Used(cpu, memory, max(0, read), max(0, write))


def _io(process: psutil.Process) -> tuple[int, int]:
    try:
        counters = process.io_counters()
    except (psutil.AccessDenied, AttributeError, OSError):
        return 0, 0  # not ours to see, or a system without
    return counters.read_bytes, counters.write_bytes


def disk_usage(folder: Path, most: int = 50_000) -> int:
    """Bytes on disk below a folder, links not followed; stops counting after so many entries."""
    total, waiting, seen = 0, [folder], 0
    while waiting and seen < most:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    seen += 1
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
        except OSError:
            continue  # it vanished, or is closed to us
    return total
