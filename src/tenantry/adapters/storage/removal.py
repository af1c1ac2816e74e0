"""Deleting a folder of any size and depth, which its users may be changing meanwhile."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

from tenantry.adapters.storage import places
from tenantry.errors import StateConflict

T = TypeVar("T")

PORTION = 2000
"""How many entries are removed between two reports of progress."""
MOST_REFILLS = 1000
"""How often a directory may be found filled again before its deletion is given up."""


def removal(host: str, path: Path, folder_id: UUID) -> Iterator[int]:
    """Delete step by step; each yields the number of files that have gone until then."""
    name = str(folder_id)
    with places.opened_root(host, path) as root:
        if places.area_of(root, folder_id) is None:
            return
        with places.shard(root, places.DOOMED, folder_id) as doomed:
            with suppress(FileExistsError):
                os.mkdir(name, mode=0o700, dir_fd=doomed)
            with places.opened(name, doomed) as container:
                _fetch(root, folder_id, container)
                emptying = _Emptying(container)
                yield from emptying.steps()
            with suppress(FileNotFoundError):
                os.rmdir(name, dir_fd=doomed)
            os.fsync(doomed)
        yield emptying.files


def _fetch(root: int, folder_id: UUID, container: int) -> None:
    for area in (places.FOLDERS, places.TRASH):
        if places.has(root, area, folder_id):
            with (
                places.shard(root, area, folder_id) as source,
                suppress(FileNotFoundError),
            ):
                _move(str(folder_id), source, container)
                os.fsync(container)
                os.fsync(source)


class _Emptying:
    """Empties the container that a doomed folder has been moved into.

    A directory met on the way is first moved there too, under a name made up here, and emptied
    in its turn. So the tree gets flat: no depth is too deep, all that is left to do is on the
    disk if we die, and what lies there is out of its user's reach.
    """

    def __init__(self, container: int) -> None:
        self.files = 0
        self._entries = 0
        self._container = container
        self._device = os.fstat(container).st_dev
        self._refills = 0

    def steps(self) -> Iterator[int]:
        """Take out everything, until nothing is there."""
        found = True
        while found:
            found = False
            with os.scandir(self._container) as entries:
                for entry in entries:
                    found = True
                    if entry.is_dir(follow_symlinks=False):
                        yield from self._take_apart(entry.name)
                    else:
                        self._unlink(entry, self._container)

    def _take_apart(self, name: str) -> Iterator[int]:
        try:
            with _opened(name, self._container) as fd:
                status = os.fstat(fd)
                if status.st_dev != self._device:
                    raise StateConflict(places.MOUNTED)
                if status.st_mode & 0o700 != 0o700:
                    os.fchmod(fd, 0o700)
                yield from self._take_out(fd)
            os.rmdir(name, dir_fd=self._container)
        except FileNotFoundError:
            return  # another process deletes the same folder
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            self._refills += 1
            if self._refills > MOST_REFILLS:
                message = "Somebody keeps writing into the vfolder; end what does."
                raise StateConflict(message) from error

    def _take_out(self, fd: int) -> Iterator[int]:
        with os.scandir(fd) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        _move(entry.name, fd, self._container)
                else:
                    self._unlink(entry, fd)
                self._entries += 1
                if self._entries % PORTION == 0:
                    yield self.files

    def _unlink(self, entry: "os.DirEntry[str]", at: int) -> None:
        # What has turned into a directory since it was listed is met again on the next round.
        with suppress(FileNotFoundError, IsADirectoryError):
            os.unlink(entry.name, dir_fd=at)
            self.files += entry.is_file(follow_symlinks=False)


def _move(name: str, source: int, container: int) -> None:
    """Move whatever it is; rename never follows a link."""
    fresh = uuid4().hex
    _unlocking(
        name, source, lambda: os.rename(name, fresh, src_dir_fd=source, dst_dir_fd=container)
    )


@contextmanager
def _opened(name: str, at: int) -> Iterator[int]:
    fd = _unlocking(name, at, lambda: os.open(name, places.DIRECTORY, dir_fd=at))
    try:
        yield fd
    finally:
        os.close(fd)


def _unlocking(name: str, at: int, work: Callable[[], T]) -> T:
    """Do something with a directory, even one that its user has closed."""
    try:
        return work()
    except OSError as error:
        if error.errno != errno.EACCES:
            raise
    # A plain chmod would follow a link that has come into the directory's place.
    fd = os.open(name, os.O_PATH | places.DIRECTORY, dir_fd=at)
    try:
        Path(f"/proc/self/fd/{fd}").chmod(0o700)
    finally:
        os.close(fd)
    return work()
