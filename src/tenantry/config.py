"""Where a client finds its server: arguments, then the environment, then what the server wrote.

The server writes `connection.json` into its data folder on the first start, so that on the same
machine nothing has to be said at all.
"""

import contextlib
import json
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tenantry.environment import MASK, PREFIX, folder, read_variable, whole
from tenantry.errors import ConfigurationError

FILE_NAME = "connection.json"


class ConnectionParams(NamedTuple):
    """How to reach a server and as whom, in the order `Client(*params)` takes them."""

    host: str = "127.0.0.1"
    port: int = 8420
    user: str = "root"
    password: str = ""
    database: str = "tenantry"

    def __repr__(self) -> str:
        masked = self._replace(password=MASK if self.password else "")
        shown = ", ".join(f"{name}={value!r}" for name, value in masked._asdict().items())
        return f"ConnectionParams({shown})"


def get_connection_params(
    host: str | None = None,
    port: int | None = None,
    user: str | None = None,
    password: str | None = None,
    database: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    prefixes: Sequence[str] = (PREFIX,),
) -> ConnectionParams:
    """Complete the arguments from `TENANTRY_HOST/PORT/USER/PASSWORD/DATABASE` and the data folder.

    Each variable may also be given as `..._FILE`, and begin with any of ``prefixes``, the first of
    which wins. The file `connection.json` is read only when something is still missing, from
    `TENANTRY_DATA_DIR` or `.tenantry` in the current folder.
    """
    environ = os.environ if environ is None else environ
    given: dict[str, str | int | None] = {
        "host": host,
        "port": port,
        "user": user,
        "password": password,
        "database": database,
    }
    for prefix in prefixes:
        for name in ConnectionParams._fields:
            if given[name] is None:
                given[name] = read_variable(environ, name.upper(), prefix)
    if None in given.values():
        written = read_connection(data_folder(environ))._asdict()
        given = {name: written[name] if given[name] is None else given[name] for name in given}
    return checked(given, "the connection parameters")


def data_folder(environ: Mapping[str, str]) -> Path:
    value = read_variable(environ, "DATA_DIR")
    try:
        return folder(value or ".tenantry")
    except ValueError as error:
        raise ConfigurationError(f"{PREFIX}DATA_DIR: expected {error}.") from None


def make_data_folder(data_dir: Path) -> None:
    """Make the folder and those above it that are missing, closed to others.

    A folder that exists keeps its mode. Root's may be passed, not listed: its embedded PostgreSQL
    runs as another user, who must get through to its own part.
    """
    missing = [place for place in (data_dir, *data_dir.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)


def checked(values: Mapping[str, object], source: str) -> ConnectionParams:
    """The values in their types; names that are missing take the default."""
    defaults = ConnectionParams()._asdict()
    complete = {name: values.get(name, defaults[name]) for name in ConnectionParams._fields}
    try:
        port = whole(1, 65535)(str(complete.pop("port")))
    except ValueError as error:
        raise ConfigurationError(f"The port in {source}: expected {error}.") from None
    words: dict[str, str] = {}
    for name, value in complete.items():
        if not isinstance(value, str) or not (value or name == "password"):
            raise ConfigurationError(f"The {name} in {source}: expected a text.")
        words[name] = value
    return ConnectionParams(
        words["host"], port, words["user"], words["password"], words["database"]
    )


def read_connection(data_dir: Path) -> ConnectionParams:
    """What the server wrote into its data folder; the defaults where there is no such file."""
    path = data_dir / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return ConnectionParams()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise ConfigurationError(f"{path} is not JSON; remove it or restart the server.") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} is not a JSON object; remove it or restart the server.")
    return checked(content, str(path))


def write_connection(data_dir: Path, params: ConnectionParams) -> Path:
    """Write `connection.json` for the owner's eyes only, whole or not at all.

    An existing file's mode is never widened, and one that others could read is closed to them.
    """
    make_data_folder(data_dir)
    path = data_dir / FILE_NAME
    mode = 0o600
    with contextlib.suppress(FileNotFoundError):
        mode &= stat.S_IMODE(path.lstat().st_mode)
    fresh = data_dir / f".{FILE_NAME}.{secrets.token_hex(8)}"
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(params._asdict(), file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(mode)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return path
