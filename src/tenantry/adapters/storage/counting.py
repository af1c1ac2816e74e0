"""Counting what a folder holds, with one directory open at a time: no depth is too deep."""

import errno
import os
from contextlib import suppress
from uuid import UUID

from tenantry.adapters.storage import places
from tenantry.errors import StateConflict
from tenantry.storage.ports import FolderUsage

Identity = tuple[int, int]


def usage(root: int, folder_id: UUID) -> FolderUsage:
    """What is in the folder, wherever it is; StateConflict where there is none."""
    area = places.area_of(root, folder_id)
    if area is None:
        raise StateConflict("There is no such vfolder on the storage.")
    with places.shard(root, area, folder_id) as parent:
        return _Count().of(os.open(str(folder_id), places.DIRECTORY, dir_fd=parent))


class _Count:
    """Walks down by name and up by ``..``, which must lead back to where it came from."""

    def __init__(self) -> None:
        self._files = 0
        self._bytes = 0
        self._linked: set[int] = set()

    def of(self, here: int) -> FolderUsage:
        """Count below this open directory, which gets closed."""
        trail: list[tuple[Identity, list[str]]] = []
        try:
            device = os.fstat(here).st_dev
            to_do = self._look_into(here)
            while to_do or trail:
                if to_do:
                    there = _below(here, to_do.pop(), device)
                    if there is None:
                        continue
                    trail.append((_identity(here), to_do))
                    to_do = self._look_into(there)
                else:
                    expected, to_do = trail.pop()
                    there = _above(here, expected)
                os.close(here)
                here = there
        finally:
            os.close(here)
        return FolderUsage(self._files, self._bytes)

    def _look_into(self, fd: int) -> list[str]:
        """Count the files right here; the names of the directories."""
        directories = []
        with os.scandir(fd) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    directories.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        self._add(entry.stat(follow_symlinks=False))
        return directories

    def _add(self, status: os.stat_result) -> None:
        """A file with several names is as many files, but its bytes are there once."""
        self._files += 1
        if status.st_ino in self._linked:
            return
        self._bytes += status.st_size
        if status.st_nlink > 1:
            self._linked.add(status.st_ino)


def _below(here: int, name: str, device: int) -> int | None:
    """A directory in this one, open; None when it has gone or is another disk's."""
    try:
        fd = os.open(name, places.DIRECTORY, dir_fd=here)
    except OSError as error:
        if error.errno in (errno.ENOENT, *places.NOT_A_DIRECTORY):
            return None
        raise
    if os.fstat(fd).st_dev == device:
        return fd
    os.close(fd)
    return None


def _above(here: int, expected: Identity) -> int:
    fd = os.open("..", places.DIRECTORY, dir_fd=here)
    if _identity(fd) == expected:
        return fd
    os.close(fd)
    raise StateConflict("The vfolder changes while it is counted; try again.")


def _identity(fd: int) -> Identity:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino
