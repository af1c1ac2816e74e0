"""The folder of one compute session of this machine: what it is, whether it runs, how it ended.

order.json      what is to run, written before anything begins
alive           locked by the supervisor for as long as anything runs
process.json    the supervisor's number, and when that process began
totals.json     the most that a sample has ever said
exit.json       how it ended; never there while anything runs
work/           where the command runs, with the vfolders; stdout and stderr are beside it
"""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import UUID

import msgspec
import psutil

from tenantry.adapters import process_tree
from tenantry.adapters.process import try_lock, wait_until
from tenantry.adapters.process_tree import MARK, Used
from tenantry.compute.ports import Sample, SessionOrder, SessionState
from tenantry.errors import StateConflict

KILL_SECONDS = 3.0
LOOK_SECONDS = 0.25
NOBODY = 65534
PATH = "/usr/local/bin:/usr/bin:/bin"


class Place:
    """The folder of one session. Blocking; called in threads."""

    def __init__(self, above: Path, session_id: UUID) -> None:
        self.id = session_id
        self.folder = above / str(session_id)

    def prepare(self, order: SessionOrder) -> None:
        """Make the folder and what the supervisor reads; once there it stays as it is.

        StateConflict where a vfolder cannot be had as it was ordered.
        """
        work = self.folder / "work"
        uid, gid = _identity(order)
        require_mountable(order)
        self._make()
        if (self.folder / "order.json").exists():
            return
        work.mkdir(mode=0o700, exist_ok=True)
        for mount in order.folders:
            with contextlib.suppress(FileExistsError):
                if _is_root():
                    (work / mount.name).mkdir(mode=0o700)
                else:
                    (work / mount.name).symlink_to(mount.path)
        if _is_root():
            os.chown(work, uid, gid)
        environment = {
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "HOME": str(work),
            **order.environment,
            MARK: str(self.id),
        }
        said: dict[str, object] = {
            "command": order.command,
            "environment": environment,
            "memory": order.memory,
            "uid": uid,
            "gid": gid,
            "gids": order.gids,
            "sudo": order.sudo,
            "mounts": msgspec.to_builtins(order.folders),
        }
        self._add("order.json", said)

    def trouble(self) -> str | None:
        """Why the command could not be run, if so."""
        return (self._read("exit.json") or {}).get("error")

    def bar(self) -> None:
        """See to it that a session that was never started never is."""
        self._make()
        with self._locked() as free:
            if free and not self._has("process.json") and not self._has("exit.json"):
                self._add("exit.json", {"exit_code": None, "ended_at": time.time()})

    def is_locked(self) -> bool:
        """Whether a supervisor is there."""
        try:
            handle = os.open(self.folder / "alive", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not try_lock(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)

    def is_running(self) -> bool:
        """Whether anything of it runs."""
        return not self._has("exit.json") and self.is_locked()

    def state(self) -> SessionState | None:
        """How it is; None where it was never started."""
        if self.is_running():
            return SessionState(id=self.id, running=True, exit_code=None, ended_at=None)
        end = self._read("exit.json")
        if end is None and self._has("process.json"):
            end = self._bury()
        if end is None:
            return None
        return SessionState(
            id=self.id,
            running=False,
            exit_code=end.get("exit_code"),
            ended_at=datetime.fromtimestamp(end["ended_at"], UTC),
            last=self._total(end),
        )

    def processes(self) -> list[psutil.Process]:
        """What runs of it: the supervisor's descendants, and whatever bears the mark."""
        supervisor = self._supervisor()
        found = process_tree.descendants(supervisor) if supervisor else []
        known = {process.pid for process in found}
        strays = process_tree.marked(str(self.id))
        return process_tree.living([*found, *(p for p in strays if p.pid not in known)])

    def _nothing_survives(self) -> bool:
        """Kill what is left; True once nothing is."""
        left = self.processes()
        process_tree.send(left, signal.SIGKILL)
        return not left

    def end_supervisor(self) -> None:
        """The last means: it is stopped, or waits for something that cannot be killed."""
        supervisor = self._supervisor()
        if supervisor is not None:
            process_tree.send([psutil.Process(supervisor)], signal.SIGKILL)
            wait_until(lambda: not self.is_locked(), KILL_SECONDS)

    def sample(self, families: dict[int, list[psutil.Process]]) -> Sample | None:
        """What it has used until now; never less than was said before."""
        process = self._read("process.json")
        supervisor = self._supervisor()
        if process is None or supervisor is None:
            return None
        read, write = process["io"]
        try:
            used = process_tree.used_by(supervisor, (read, write), families)
        except psutil.NoSuchProcess:
            return None
        return self._raised(used)

    def _raised(self, used: Used) -> Sample:
        before = self._read("totals.json") or {}
        totals = {
            "cpu": max(used.cpu, before.get("cpu", 0.0)),
            "read": max(used.read, before.get("read", 0)),
            "write": max(used.write, before.get("write", 0)),
        }
        if totals != before:
            with written_whole(self.folder / "totals.json", os.replace) as fresh:
                fresh.write_bytes(msgspec.json.encode(totals))
        return self._sampled(totals, used.memory, datetime.now(UTC))

    def _total(self, end: dict[str, Any]) -> Sample:
        """What an ended session has used in all."""
        before = self._read("totals.json") or {}
        totals = {n: max(end.get(n, 0), before.get(n, 0)) for n in ("cpu", "read", "write")}
        return self._sampled(totals, 0, datetime.fromtimestamp(end["ended_at"], UTC))

    def _sampled(self, totals: dict[str, Any], memory: int, at: datetime) -> Sample:
        return Sample(
            id=self.id,
            at=at,
            cpu_seconds=totals["cpu"],
            memory_bytes=memory,
            io_read_bytes=totals["read"],
            io_write_bytes=totals["write"],
            disk_bytes=process_tree.disk_usage(self.folder / "work"),
        )

    def _supervisor(self) -> int | None:
        """The supervisor's number, if that number is still its own."""
        process = self._read("process.json")
        if process is None or not self.is_locked():
            return None
        pid: int = process["pid"]
        return pid if process_tree.is_same(pid, process["started"]) else None

    def _bury(self) -> dict[str, Any]:
        """Its supervisor was killed: end what is left, and say that nobody knows how it ended."""
        with self._locked():
            wait_until(self._nothing_survives, KILL_SECONDS)
            self._add("exit.json", {"exit_code": None, "ended_at": time.time()})
        return self._read("exit.json") or {}

    @contextlib.contextmanager
    def _locked(self) -> Iterator[bool]:
        """Keep supervisors away meanwhile; False where one is there."""
        handle = os.open(self.folder / "alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Who only looks holds the lock for a moment; a supervisor keeps it.
            yield wait_until(lambda: try_lock(handle, fcntl.LOCK_EX), LOOK_SECONDS)
        finally:
            os.close(handle)

    def _make(self) -> None:
        self.folder.mkdir(mode=0o711, exist_ok=True)

    def _has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def _read(self, name: str) -> dict[str, Any] | None:  # Any: values of several types
        try:
            found: dict[str, Any] = msgspec.json.decode((self.folder / name).read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return found

    def _add(self, name: str, value: dict[str, Any]) -> None:
        """Write a file, unless one is there already."""
        with (
            contextlib.suppress(FileExistsError),
            written_whole(self.folder / name, os.link) as fresh,
        ):
            fresh.write_bytes(msgspec.json.encode(value))


@contextlib.contextmanager
def written_whole(path: Path, put: Callable[[Path, Path], None]) -> Iterator[Path]:
    """A file to fill, put into its place in one step."""
    fresh = path.with_name(f".{path.name}.{token_hex(4)}")
    fresh.touch(mode=0o600)
    try:
        yield fresh
        put(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def require_mountable(order: SessionOrder) -> None:
    """StateConflict where a read-only vfolder could be written to all the same.

    Only root mounts anything. A session with the server's own identity reaches every vfolder by
    its path, and one that may become root can undo what root has done.
    """
    closed = [mount.name for mount in order.folders if mount.read_only]
    if not closed:
        return
    if not _is_root():
        reason = "this agent does not run as root and cannot mount anything"
    elif order.sudo:
        reason = "the session may become root and could write to it"
    else:
        return
    raise StateConflict(f"The vfolder {closed[0]} is for reading only, and {reason}.")


def _is_root() -> bool:
    return os.geteuid() == 0


def _identity(order: SessionOrder) -> tuple[int, int]:
    """Whom the session runs as where the server is root: never as root unasked."""
    uid = NOBODY if order.uid is None else order.uid
    return uid, uid if order.gid is None else order.gid
