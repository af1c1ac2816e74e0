"""The PostgreSQL that Tenantry brings along: made, started, found again, mended and stopped.

It listens on a Unix socket in a folder that only its user can enter, never on a network address,
and trusts whoever reaches that socket.
"""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, NamedTuple
from urllib.parse import quote

from tenantry.adapters.postgres.binaries import Programs, choose, major_version
from tenantry.adapters.process import (
    EmbeddedServer,
    ask,
    is_running,
    processes_in,
    take_over,
    wait_until,
)
from tenantry.errors import ConfigurationError, ConnectionError

SUPERUSER = "tenantry_owner"
PORT = 5432
# The version from which the server has character classes and order of its own, whatever the system.
BUILTIN_LOCALE = 17
INITDB_SECONDS = 120.0
TRANSITION_SECONDS = 60.0

# The first packet of a client that asks for encryption: any living server answers one byte.
SSL_REQUEST = bytes((0, 0, 0, 8, 4, 210, 22, 47))

USUAL: Mapping[str, str] = MappingProxyType(
    {
        "cluster_name": "tenantry",
        "jit": "off",
        # Details of a violated constraint would put people's names and addresses into the log.
        "log_error_verbosity": "terse",
        "log_line_prefix": "%m [%p] %u@%d ",
        "logging_collector": "off",
        "timezone": "UTC",
    }
)
UNSAFE: Mapping[str, str] = MappingProxyType({"fsync": "off", "full_page_writes": "off"})


class PidFile(NamedTuple):
    """What the server itself wrote into postmaster.pid."""

    pid: int
    status: str


class EmbeddedPostgres(EmbeddedServer):
    """One PostgreSQL server in one folder. Blocking; call it in a thread.

    The superuser is `tenantry_owner`. `durable=False` trades safety at a power cut for speed and is
    for tests. `bin_dir` names another PostgreSQL's programs; `settings` go to the server as they
    are. A process that attaches takes the server as it is.
    """

    program: ClassVar[str] = "postgres"
    socket_name: ClassVar[str] = f".s.PGSQL.{PORT}"
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]] = (
        (signal.SIGINT, 30.0),
        (signal.SIGQUIT, 10.0),
        (signal.SIGKILL, 5.0),
    )

    def __init__(
        self,
        data_dir: Path,
        *,
        bin_dir: Path | None = None,
        durable: bool = True,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(data_dir)
        self.cluster = self.folder / "data"
        self._bin_dir = bin_dir
        self._durable = durable
        self._settings = settings

    def dsn(self, user: str, database: str) -> str:
        """The address of a database for that user, as asyncpg and libpq understand it."""
        place = quote(str(self.socket_folder), safe="")
        return (
            f"postgresql://{quote(user, safe='')}@/{quote(database, safe='')}"
            f"?host={place}&port={PORT}"
        )

    def _find(self) -> int | None:
        found: list[int] = []
        if wait_until(lambda: self._settled(found), TRANSITION_SECONDS):
            return found[-1] if found else None
        raise ConnectionError(
            f"Processes of PostgreSQL hold {self.cluster} but none answers: "
            f"{sorted(processes_in(self.cluster, self.program))}. See {self.log}."
        )

    def _settled(self, found: list[int]) -> bool:
        """Whether the server is up (its number is added) or down, and not between the two."""
        state = self._pid_file()
        if state and is_running(state.pid) and state.status == "ready" and self._answers():
            found.append(state.pid)
            return True
        # Also the children of a killed server: until they are gone, a new one could damage data.
        if processes_in(self.cluster, self.program):
            return False
        if state and not Path("/proc/self").exists() and is_running(state.pid):
            return False
        # The number in the file is nobody's, a zombie's or by now another program's.
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        return True

    def _pid_file(self) -> PidFile | None:
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
            return PidFile(int(lines[0]), lines[7].strip() if len(lines) > 7 else "")
        except (FileNotFoundError, IndexError, ValueError):
            return None
        except PermissionError:
            raise ConfigurationError(
                f"{self.cluster} belongs to another user; start as that user or choose another "
                "TENANTRY_DATA_DIR."
            ) from None

    def _answers(self) -> bool:
        return bool(ask(self.socket_folder / self.socket_name, SSL_REQUEST, enough=b"N"))

    def _begin(self) -> int:
        programs = choose(self._bin_dir, self.folder, self._owner())
        major = major_version(programs)
        if not (self.cluster / "PG_VERSION").exists():
            self._make_cluster(programs, major)
        made_by = (self.cluster / "PG_VERSION").read_text().strip()
        if made_by != str(major):
            raise ConfigurationError(
                f"{self.cluster} was made by PostgreSQL {made_by}, and {programs.folder} is "
                f"PostgreSQL {major}: upgrade the data with pg_upgrade, or use the same programs."
            )
        take_over(self.cluster, programs.owner)
        sockets = self._socket_folder(programs.owner)
        values = {**USUAL, **({} if self._durable else UNSAFE), **self._settings}
        # Beside the data and not in it: root must not write where the other user could put a link.
        access = self.folder / "access.conf"
        access.write_text("local all all trust\n")
        access.chmod(0o644)
        values |= {
            "hba_file": str(access),
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{sockets}"',
            "unix_socket_permissions": "0700",
        }
        options = [part for name, value in values.items() for part in ("-c", f"{name}={value}")]
        command = programs.command("postgres", "-D", str(self.cluster), *options)
        child = self._run(command, user=programs.user, group=programs.group)
        return self._await(child, lambda: self._pid_file() == PidFile(child.pid, "ready"))

    def _owner(self) -> int | None:
        try:
            return self.cluster.stat().st_uid
        except FileNotFoundError:
            return None

    def _make_cluster(self, programs: Programs, major: int) -> None:
        """Make the data beside its place and move it there whole.

        A run that was interrupted leaves only a folder that the next one throws away.
        """
        if self.cluster.is_dir() and any(self.cluster.iterdir()):
            raise ConfigurationError(
                f"{self.cluster} has files but is no PostgreSQL data; move them away."
            )
        for left in self.folder.glob("data.new-*"):
            # The initdb of a launcher that was killed may still be at work in it, and fails then.
            shutil.rmtree(left, ignore_errors=True)
        fresh = self.folder / f"data.new-{secrets.token_hex(8)}"
        fresh.mkdir(mode=0o700)
        take_over(fresh, programs.owner)
        command = programs.command("initdb", "-D", str(fresh), *self._initdb_options(major))
        try:
            done = programs.call(command, INITDB_SECONDS)
        except subprocess.TimeoutExpired:
            raise ConnectionError(
                f"initdb did not make {self.cluster} in {INITDB_SECONDS:.0f} seconds."
            ) from None
        if done.returncode:
            last = "\n".join(done.stdout.splitlines()[-12:])
            raise ConfigurationError(f"initdb could not make {self.cluster}:\n{last}")
        fresh.replace(self.cluster)
        sync(self.folder)

    def _initdb_options(self, major: int) -> list[str]:
        options = ["--username", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--no-instructions"]
        if major >= BUILTIN_LOCALE:
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            options += ["--locale=C.UTF-8"]
        return options if self._durable else [*options, "--no-sync"]


def sync(folder: Path) -> None:
    """Make a rename in the folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
