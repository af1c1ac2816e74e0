"""The sessions of this person on this machine: one token a server, in a file nobody else reads."""

import contextlib
import os
import secrets
import stat
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from tenantry.errors import ConfigurationError


class Session(msgspec.Struct, frozen=True):
    """A login."""

    user: str
    token: str
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Session(user={self.user!r}, token=***)"


class SessionFile:
    """Where the sessions are kept, keyed by the server's address."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "SessionFile":
        """The file in the person's configuration folder (XDG)."""
        folder = environ.get("XDG_CONFIG_HOME", "")
        base = Path(folder) if Path(folder).is_absolute() else Path.home() / ".config"
        return cls(base / "tenantry" / "session.json")

    def get(self, server: str) -> Session | None:
        """The session with this server, if any."""
        return self._read().get(server)

    def put(self, server: str, session: Session) -> None:
        """Remember a session, in the place of an earlier one."""
        self._write(self._read() | {server: session})

    def remove(self, server: str) -> None:
        """Forget the session with this server."""
        sessions = self._read()
        if sessions.pop(server, None) is not None:
            self._write(sessions)

    def _read(self) -> dict[str, Session]:
        try:
            with self.path.open("rb") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    message = f"{self.path} can be read by others: chmod 600 it, or remove it."
                    raise ConfigurationError(message)
                content = file.read()
        except FileNotFoundError:
            return {}
        try:
            return msgspec.json.decode(content, type=dict[str, Session])
        except ValueError:
            raise ConfigurationError(f"{self.path} is damaged; remove it and log in.") from None

    def _write(self, sessions: Mapping[str, Session]) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self.path.with_name(f".session.{secrets.token_hex(8)}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(sessions)) + b"\n")
            fresh.replace(self.path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                fresh.unlink()
            raise
