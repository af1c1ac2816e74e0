"""Where folders lie below a root, and how they go from one place to another. For Linux.

A root has three areas: ``folders``, ``trash`` and ``doomed`` (deletion has begun). A folder is in
one of them at ``<area>/<ab>/<cd>/<id>``; the shards are the last digits of the id, because the
first ones of a UUIDv7 are the time and hardly differ.

What is in a folder belongs to its users, who may change it at any moment. So nothing is reached
by a path that they can bend: every step is taken from an open directory, never through a link.
All functions block.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

from tenantry.errors import ConnectionError, StateConflict, TenantryError

FOLDERS, TRASH, DOOMED = AREAS = ("folders", "trash", "doomed")
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NOT_A_DIRECTORY = (errno.ELOOP, errno.ENOTDIR)
NOBODY = 65534
MOUNTED = "Something is mounted inside the vfolder; unmount it first."


@contextmanager
def translated(host: str) -> Iterator[None]:
    """Turn the operating system's refusals into ours; no path of the machine is told."""
    try:
        yield
    except OSError as error:
        if isinstance(error, TenantryError):
            raise
        raise _meaning(error, host) from error


def _meaning(error: OSError, host: str) -> TenantryError:
    if error.errno in (errno.EBUSY, errno.EXDEV):
        return StateConflict(MOUNTED)
    if error.errno in (errno.EACCES, errno.EPERM):
        return StateConflict(f"The storage host {host} denies this: {error.strerror}.")
    if error.errno in NOT_A_DIRECTORY:
        return StateConflict(f"On the storage host {host} something else is in the way.")
    return ConnectionError(f"The storage host {host} cannot do this now: {error.strerror}.")


def prepare(host: str, root: Path) -> None:
    """Make a root and its areas where they are missing."""
    with translated(host):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with opened(root, follow=True) as fd:
            for area in AREAS:
                with suppress(FileExistsError):
                    os.mkdir(area, mode=0o700, dir_fd=fd)


@contextmanager
def opened(name: str | Path, at: int | None = None, *, follow: bool = False) -> Iterator[int]:
    """A directory, open; through a link only if told so."""
    fd = os.open(name, DIRECTORY & ~os.O_NOFOLLOW if follow else DIRECTORY, dir_fd=at)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def opened_root(host: str, path: Path) -> Iterator[int]:
    """The root, open; ConnectionError where its areas are missing, as below an empty mount."""
    with translated(host), opened(path, follow=True) as root:
        if not _is_there(root, DOOMED):
            message = f"The storage host {host} is not prepared; is its disk mounted?"
            raise ConnectionError(message)
        yield root


@contextmanager
def shard(root: int, area: str, folder_id: UUID) -> Iterator[int]:
    """The directory that the folder is in, or would be; made where it is missing."""
    fd = os.open(area, DIRECTORY, dir_fd=root)
    try:
        for name in shards(folder_id):
            with suppress(FileExistsError):
                os.mkdir(name, mode=0o700, dir_fd=fd)
            below = os.open(name, DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def shards(folder_id: UUID) -> tuple[str, str]:
    """The two directories between the area and the folder."""
    return folder_id.hex[-4:-2], folder_id.hex[-2:]


def has(root: int, area: str, folder_id: UUID) -> bool:
    """Whether the area has something in the folder's place."""
    return _is_there(root, "/".join((area, *shards(folder_id), str(folder_id))))


def area_of(root: int, folder_id: UUID) -> str | None:
    """Where the folder is; one whose deletion has begun is doomed, whatever else is left."""
    return next((area for area in reversed(AREAS) if has(root, area, folder_id)), None)


def create(root: int, folder_id: UUID) -> None:
    """Make the folder, or leave it as it is.

    Root's would be owned by nobody: what a session writes there must not be root's.
    """
    if area_of(root, folder_id) in (TRASH, DOOMED):
        raise StateConflict("The vfolder is in the trash or half deleted.")
    with shard(root, FOLDERS, folder_id) as parent:
        with suppress(FileExistsError):
            os.mkdir(str(folder_id), mode=0o700, dir_fd=parent)
            if os.geteuid() == 0:
                os.chown(str(folder_id), NOBODY, NOBODY, dir_fd=parent, follow_symlinks=False)
        with opened(str(folder_id), parent):
            os.fsync(parent)


def is_mountable(root: int, folder_id: UUID) -> bool:
    """Whether the folder is in use, and a directory."""
    if area_of(root, folder_id) != FOLDERS:
        return False
    with shard(root, FOLDERS, folder_id) as parent, opened(str(folder_id), parent):
        return True


def move_to_trash(root: int, folder_id: UUID) -> None:
    """Move the folder out of use; a folder that nobody can mount anyway stays where it is."""
    if area_of(root, folder_id) == FOLDERS:
        _move(root, folder_id, FOLDERS, TRASH)


def restore(root: int, folder_id: UUID) -> None:
    """Move the folder back into use; StateConflict where nothing whole is left of it."""
    area = area_of(root, folder_id)
    if area in (None, DOOMED):
        raise StateConflict("There is no such vfolder in the trash.")
    if area == TRASH:
        _move(root, folder_id, TRASH, FOLDERS)


def list_ids(root: int) -> Iterator[UUID]:
    """The ids of all folders, in whatever area."""
    for area in AREAS:
        with opened(area, root) as fd:
            for outer in _names(fd):
                with opened(outer, fd) as below:
                    for inner in _names(below):
                        with opened(inner, below) as parent:
                            for name in _names(parent):
                                with suppress(ValueError):
                                    yield UUID(name)


def _move(root: int, folder_id: UUID, source: str, target: str) -> None:
    name = str(folder_id)
    with shard(root, source, folder_id) as old, shard(root, target, folder_id) as new:
        os.rename(name, name, src_dir_fd=old, dst_dir_fd=new)
        os.fsync(new)
        os.fsync(old)


def _is_there(root: int, path: str) -> bool:
    try:
        os.stat(path, dir_fd=root, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _names(fd: int) -> list[str]:
    with os.scandir(fd) as entries:
        return [entry.name for entry in entries]
