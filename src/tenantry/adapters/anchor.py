"""The heads of the audit's chain in a file: a line for each seal, its number and its head.

The file only grows. Kept where the database's superuser cannot write, it tells of a database
that was rewritten or cut back as a whole.
"""

import asyncio
import os
from pathlib import Path

from tenantry.errors import ConfigurationError


class AnchorFile:
    """A file that remembers heads; each server may have one of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def append(self, number: int, head: bytes) -> None:
        """Add a line, on disk when this returns."""
        await asyncio.to_thread(self._append, f"{number} {head.hex()}\n")

    async def heads(self) -> list[tuple[int, str]]:
        """All lines; none where there is no file yet."""
        return await asyncio.to_thread(self._heads)

    def _append(self, line: str) -> None:
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(handle, line.encode("ascii"))
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            message = f"The anchor {self._path} cannot be written: {error.strerror}."
            raise ConfigurationError(message) from error

    def _heads(self) -> list[tuple[int, str]]:
        try:
            text = self._path.read_text(encoding="ascii")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"The anchor {self._path} cannot be read.") from error
        found = []
        for place, line in enumerate(text.splitlines(), 1):
            number, _, head = line.partition(" ")
            if not number.isdecimal() or len(head) != 64:
                message = f"Line {place} of the anchor {self._path} is damaged."
                raise ConfigurationError(message)
            found.append((int(number), head))
        return found
