"""A server program in a folder, shared by all processes that use the folder.

The first process to start it starts it, later ones attach to it, the last one to stop it stops it.
Who uses it is told by a shared lock on a file, which the system takes back even from a process that
was killed. A server that outlived its processes is found and used by the next one.
"""

import contextlib
import fcntl
import hashlib
import os
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tenantry.config import make_data_folder
from tenantry.errors import ConfigurationError, ConnectionError

PAUSE = 0.005
PROC = Path("/proc")

# The system's limit for the path of a socket is 103 to 107 bytes; longer ones go elsewhere.
LONGEST_SOCKET = 99


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again until it holds (True) or the time is over (False)."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(PAUSE)
    return True


def is_running(pid: int) -> bool:
    """Whether the process exists and is more than a zombie that nobody has collected."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return not PROC.joinpath("self").exists()
    return state not in (b"Z", b"X")


def processes_in(folder: Path, program: str) -> set[int]:
    """The processes of that program that work in the folder; none where there is no /proc.

    This tells a server from an unrelated process that was given its number, and finds the children
    that outlive a killed server for a moment.
    """
    found: set[int] = set()
    try:
        wanted = folder.stat()
        entries = [entry for entry in PROC.iterdir() if entry.name.isdigit()]
    except OSError:
        return found
    for entry in entries:
        # Processes of others may not be looked into, and any may end in between.
        with contextlib.suppress(OSError):
            place = (entry / "cwd").stat()
            same = (place.st_dev, place.st_ino) == (wanted.st_dev, wanted.st_ino)
            if same and (entry / "comm").read_text().strip() == program:
                found.add(int(entry.name))
    return found


def ask(path: Path, question: bytes, *, enough: bytes, seconds: float = 1.0) -> bytes:
    """Send bytes to a Unix socket and read until `enough` was in the answer; b"" if it is dead."""
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(seconds)
            line.connect(str(path))
            line.sendall(question)
            while enough not in answer and len(answer) < 65536:
                part = line.recv(4096)
                if not part:
                    break
                answer += part
    except OSError:
        return b""
    return answer if enough in answer else b""


def tail_of(log: Path, since: int = 0, lines: int = 12) -> str:
    """The last lines that were written after the position, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(since)
            text = file.read()[-8192:].decode("utf-8", "replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"


class EmbeddedServer(ABC):
    """One server in one folder: start, attach, stop. Blocking; call it in a thread.

    `start()` may be called again at any time and brings a server back that has died.
    """

    program: ClassVar[str]
    socket_name: ClassVar[str]
    # Each signal, and how many seconds it gets before the next.
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]]
    start_seconds: ClassVar[float] = 120.0

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir.absolute()
        self.log = self.folder / f"{self.program}.log"
        self._holding: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._pid: int | None = None

    @abstractmethod
    def _find(self) -> int | None:
        """The number of the healthy server, waiting for one that starts or stops just now."""

    @abstractmethod
    def _begin(self) -> int:
        """Start the server, wait until it answers, and give its number."""

    @property
    def pid(self) -> int:
        """The number of the server process; it must have been started."""
        if self._pid is None:
            raise ConnectionError(f"{self.program} has not been started.")
        return self._pid

    def start(self) -> None:
        """Start the server, or attach to the one that another process runs in this folder."""
        make_folder(self.folder)
        with self._alone(self.start_seconds):
            fresh = self._holding is None
            if self._holding is None:
                self._holding = open_lock(self.folder / "holders.lock", fcntl.LOCK_SH)
            try:
                found = self._find()
                self._pid = self._begin() if found is None else found
            except BaseException:
                if fresh:
                    self._let_go()
                raise

    def stop(self) -> None:
        """Let go of the server; the last of its users stops it."""
        if self._holding is None:
            return
        try:
            with self._alone(sum(seconds for _, seconds in self.stop_signals) + 5.0):
                if try_lock(self._holding, fcntl.LOCK_EX):
                    pid = self._find()
                    if pid is not None:
                        self._end(pid)
                    if self.folder not in self.socket_folder.parents:
                        with contextlib.suppress(OSError):
                            self.socket_folder.rmdir()
        finally:
            self._let_go()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _let_go(self) -> None:
        if self._holding is not None:
            os.close(self._holding)
        self._holding = self._pid = None

    @contextlib.contextmanager
    def _alone(self, seconds: float) -> Iterator[None]:
        """Only one process at a time starts or stops the server."""
        handle = open_lock(self.folder / "start.lock", None)
        try:
            if not wait_until(lambda: try_lock(handle, fcntl.LOCK_EX), seconds):
                raise ConnectionError(
                    f"Another process has been starting or stopping {self.program} in "
                    f"{self.folder} for {seconds:.0f} seconds."
                )
            yield
        finally:
            os.close(handle)

    def _run(
        self, command: Sequence[str], *, user: int | None = None, group: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start the program in the background, its output in the log.

        In a session of its own, so that Ctrl-C in a terminal reaches the program using it and not
        the server below.
        """
        rotate(self.log)
        with self.log.open("ab") as log:
            os.fchmod(log.fileno(), 0o600)
            self._log_start = log.tell()
            self._child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=environment(),
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
            )
        # Collects the process when it ends, also after this object has let go of it.
        threading.Thread(target=self._child.wait, name=self.program, daemon=True).start()
        return self._child

    def _await(self, child: subprocess.Popen[bytes], ready: Callable[[], bool]) -> int:
        """Wait until the server is ready; one that ends or takes too long is an error."""
        if wait_until(lambda: child.poll() is not None or ready(), self.start_seconds):
            if child.poll() is None:
                return child.pid
            said = f"ended with exit status {child.returncode}"
        else:
            self._end(child.pid)
            said = f"was not ready after {self.start_seconds:.0f} seconds"
        raise ConnectionError(
            f"{self.program} in {self.folder} {said}:\n{tail_of(self.log, self._log_start)}"
        )

    def _end(self, pid: int) -> None:
        """Stop the server, more firmly each time it does not listen."""

        def gone() -> bool:
            if self._child is not None and self._child.pid == pid:
                return self._child.poll() is not None
            return not is_running(pid)

        for number, seconds in self.stop_signals:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if wait_until(gone, seconds):
                return
        raise ConnectionError(f"{self.program} (process {pid}) does not stop.")

    def _socket_folder(self, owner: int) -> Path:
        """Make a folder of mode 0700 for the socket and note where it is.

        It lies in the server's folder unless the socket's path would become too long.
        """
        place = self.folder / "run"
        if len(os.fsencode(place / self.socket_name)) > LONGEST_SOCKET:
            place = short_folder(self.folder, owner)
        place.mkdir(mode=0o700, exist_ok=True)
        take_over(place, owner)
        note = self.folder / "socket.new"
        note.write_bytes(os.fsencode(place))
        note.replace(self.folder / "socket.path")
        return place

    @property
    def socket_folder(self) -> Path:
        """Where the running server has its socket."""
        try:
            return Path(os.fsdecode((self.folder / "socket.path").read_bytes()))
        except FileNotFoundError:
            return self.folder / "run"


def make_folder(folder: Path) -> None:
    """Make the server's folder like the data folder it usually lies in."""
    try:
        make_data_folder(folder)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be made: {error.strerror}.") from None


def open_lock(path: Path, kind: int | None) -> int:
    """Open a lock file, and take the lock at once where a kind is given."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be opened: {error.strerror}. The folder belongs to another user; "
            "start as that user or choose another TENANTRY_DATA_DIR."
        ) from None
    if kind is not None and not wait_until(lambda: try_lock(handle, kind), 10.0):
        os.close(handle)
        raise ConnectionError(f"{path} stays locked by another process.")
    return handle


def try_lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def rotate(log: Path, largest: int = 10_000_000) -> None:
    """Keep one older log beside the present one."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > largest:
            log.replace(log.with_suffix(".log.1"))


def take_over(folder: Path, owner: int) -> None:
    """Give a folder of ours, and all in it, to the user the server runs as."""
    if folder.stat().st_uid == owner:
        return
    for place, _, files in os.walk(folder):
        os.chown(place, owner, -1, follow_symlinks=False)
        for name in files:
            os.chown(Path(place) / name, owner, -1, follow_symlinks=False)


def short_folder(folder: Path, owner: int) -> Path:
    """A folder for sockets below the temporary folder, the same one for the same server.

    Whoever made it beforehand could listen there in the server's place: such a one is not used.
    """
    name = "tenantry-" + hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:16]
    above = tempfile.gettempdir()
    above = above if len(os.fsencode(above)) <= 40 else "/tmp"  # noqa: S108 - checked below
    place = Path(above) / name
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o700)
    found = place.lstat()
    ours = found.st_uid in (os.geteuid(), owner) and not stat.S_IMODE(found.st_mode) & 0o077
    if stat.S_ISDIR(found.st_mode) and ours:
        return place
    return Path(tempfile.mkdtemp(prefix="tenantry-", dir=above))


def environment() -> dict[str, str]:
    """The variables of a server: none of ours, which may be secret; everywhere the same."""
    return {"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", os.defpath)}
