"""Directories whose users are up to no good."""

import asyncio
import errno
import os
import resource
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tenantry.adapters.storage import LocalStorage, removal
from tenantry.errors import ConnectionError, StateConflict
from tenantry.storage.ports import FolderUsage
from tests.storage.world import HOST

pytestmark = pytest.mark.anyio

DEPTH = 10_000


@pytest.fixture
async def folder(disk: LocalStorage) -> UUID:
    folder_id = uuid4()
    await disk.create_folder(HOST, folder_id)
    return folder_id


@pytest.fixture
async def place(disk: LocalStorage, folder: UUID) -> Path:
    return Path(await disk.folder_path(HOST, folder))


@pytest.fixture
def precious(tmp_path: Path) -> Iterator[Path]:
    """Somebody else's tree, which must be whole in the end."""
    tree = tmp_path / "precious"
    (tree / "deep").mkdir(parents=True)
    for path in (tree / "a", tree / "deep" / "b"):
        path.write_text("precious")
    yield tree
    assert sorted(str(p.relative_to(tree)) for p in tree.rglob("*")) == ["a", "deep", "deep/b"]
    assert (tree / "deep" / "b").read_text() == "precious"


SWAP = """
import os, sys
os.chdir(sys.argv[1])
print("ready", flush=True)
while True:
    for n in range(200):
        try:
            os.rename(f"d{n}", "aside")
            os.symlink(sys.argv[2], f"d{n}")
            os.unlink(f"d{n}")
            os.rename("aside", f"d{n}")
        except OSError:
            pass
"""

CLOSED = """
import asyncio, os, sys
from pathlib import Path
from uuid import uuid4
from tenantry.adapters.storage import LocalStorage

if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)

async def main(base):
    storage = LocalStorage({"local": base / "root"})
    await storage.prepare()
    folder = uuid4()
    await storage.create_folder("local", folder)
    place = Path(await storage.folder_path("local", folder))
    for mode in (0o000, 0o500, 0o300, 0o600):
        closed = place / f"{mode:o}" / "below"
        closed.mkdir(parents=True)
        (closed / "file").touch()
        closed.chmod(mode)
        closed.parent.chmod(mode)
    place.chmod(0o500)
    print(await storage.delete_folder("local", folder), await storage.list_folders("local"))
    storage.close()

asyncio.run(main(Path(sys.argv[1])))
"""


@contextmanager
def swapping(place: Path, target: Path) -> Iterator[None]:
    """A process in the folder that keeps exchanging directories for links to another tree."""
    command = [sys.executable, "-c", SWAP, str(place), str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as attacker:
        assert attacker.stdout is not None
        try:
            attacker.stdout.readline()
            yield
        finally:
            attacker.kill()


async def test_everything_is_closed_to_other_users_of_the_machine(
    tmp_path: Path, place: Path
) -> None:
    for path in (place, *place.parents):
        if path == tmp_path:
            break
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


async def test_folders_made_in_one_second_lie_in_different_places(disk: LocalStorage) -> None:
    made = [UUID(int=(0x0190A7C45B1E7C3A << 64) + n) for n in (0x8A01, 0x8B02)]
    for folder_id in made:
        await disk.create_folder(HOST, folder_id)
    paths = [Path(await disk.folder_path(HOST, folder_id)) for folder_id in made]
    assert [path.parts[-3:-1] for path in paths] == [("8a", "01"), ("8b", "02")]


async def test_links_are_removed_and_never_followed(
    disk: LocalStorage, folder: UUID, place: Path, precious: Path
) -> None:
    (place / "to-tree").symlink_to(precious)
    (place / "to-file").symlink_to(precious / "a")
    (place / "to-etc").symlink_to("/etc", target_is_directory=True)
    (place / "up").symlink_to("../..")
    (place / "itself").symlink_to("itself")
    (place / "hard").hardlink_to(precious / "a")
    os.mkfifo(place / "fifo")
    assert await disk.folder_usage(HOST, folder) == FolderUsage(1, len("precious"))
    assert await disk.delete_folder(HOST, folder) == 1
    assert not await disk.folder_exists(HOST, folder)


@pytest.mark.parametrize("in_trash", [True, False])
async def test_a_link_in_the_place_of_the_folder_leads_nowhere(
    disk: LocalStorage, folder: UUID, place: Path, precious: Path, in_trash: bool
) -> None:
    if in_trash:
        await disk.move_to_trash(HOST, folder)
        place = Path(str(place).replace("/folders/", "/trash/"))
    place.rmdir()
    place.symlink_to(precious)
    for call in (disk.folder_path, disk.folder_usage, disk.create_folder):
        with pytest.raises(StateConflict):
            await call(HOST, folder)
    assert await disk.delete_folder(HOST, folder) == 0
    assert not await disk.folder_exists(HOST, folder)


async def test_a_directory_swapped_for_a_link_during_deletion_leads_nowhere(
    disk: LocalStorage, folder: UUID, place: Path, precious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "deep").mkdir()
    (place / "deep" / "file").touch()
    attacked = []
    rename, open_ = os.rename, os.open

    def swap(name: str, at: int) -> None:
        """What a user who still holds the directory open does at the worst moment."""
        rename(name, f"{name}-away", src_dir_fd=at, dst_dir_fd=at)
        os.symlink(precious, name, dir_fd=at)
        attacked.append(name)

    def attacked_rename(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        if source == "deep" and not attacked:
            swap(source, src_dir_fd)
        rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    def attacked_open(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if dir_fd is not None and len(str(path)) == 32 and len(attacked) == 1:
            swap(path, dir_fd)
        return open_(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rename", attacked_rename)
    monkeypatch.setattr(os, "open", attacked_open)
    with pytest.raises(StateConflict):
        await disk.delete_folder(HOST, folder)
    assert len(attacked) == 2
    assert await disk.delete_folder(HOST, folder) == 1
    assert not await disk.folder_exists(HOST, folder)


async def test_a_user_who_swaps_all_the_time_gets_at_nothing(
    disk: LocalStorage, folder: UUID, place: Path, precious: Path
) -> None:
    for n in range(200):
        (place / f"d{n}").mkdir()
        for m in range(20):
            (place / f"d{n}" / f"{m}").touch()
    with swapping(place, precious):
        for _ in range(20):
            try:
                await disk.delete_folder(HOST, folder)
                break
            except StateConflict:
                continue
    await disk.delete_folder(HOST, folder)
    assert not await disk.folder_exists(HOST, folder)


async def test_a_tree_deeper_than_any_path_is_counted_and_deleted(
    disk: LocalStorage, folder: UUID, place: Path
) -> None:
    here = os.open(place, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("bottom", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
    try:
        assert await disk.folder_usage(HOST, folder) == FolderUsage(1, 0)
        assert await disk.delete_folder(HOST, folder) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not await disk.folder_exists(HOST, folder)


async def test_open_files_do_not_hinder_and_stay_readable(
    disk: LocalStorage, folder: UUID, place: Path
) -> None:
    (place / "log").write_text("still here")
    with (place / "log").open() as log:
        assert await disk.delete_folder(HOST, folder) == 1
        assert log.read() == "still here"


async def test_names_of_any_bytes_are_deleted(
    disk: LocalStorage, folder: UUID, place: Path
) -> None:
    for name in (b"\xff\xfe", b"a\nb", b"-rf", b" ", "\u202e".encode(), b"x" * 255):
        (place / os.fsdecode(name)).touch()
    assert await disk.delete_folder(HOST, folder) == 6


async def test_files_of_two_names_count_twice_but_their_bytes_once(
    disk: LocalStorage, folder: UUID, place: Path
) -> None:
    (place / "a").write_bytes(b"x" * 100)
    (place / "b").hardlink_to(place / "a")
    assert await disk.folder_usage(HOST, folder) == FolderUsage(2, 100)


async def test_two_deletions_at_once_do_no_harm(
    disk: LocalStorage, folder: UUID, place: Path
) -> None:
    for n in range(100):
        (place / f"{n}").mkdir()
        for m in range(30):
            (place / f"{n}" / f"{m}").touch()
    gone = await asyncio.gather(*(disk.delete_folder(HOST, folder) for _ in range(3)))
    assert sum(gone) == 3000
    assert not await disk.folder_exists(HOST, folder)


async def test_who_writes_on_and_on_is_told_to_stop(
    disk: LocalStorage, folder: UUID, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "MOST_REFILLS", 5)
    rmdir = os.rmdir

    def refilled(name: str, *, dir_fd: int) -> None:
        os.close(os.open(f"{name}/new", os.O_CREAT | os.O_WRONLY, dir_fd=dir_fd))
        rmdir(name, dir_fd=dir_fd)

    with monkeypatch.context() as attack:
        attack.setattr(os, "rmdir", refilled)
        with pytest.raises(StateConflict, match="keeps writing"):
            await disk.delete_folder(HOST, folder)
    await disk.delete_folder(HOST, folder)
    assert not await disk.folder_exists(HOST, folder)


async def test_a_root_whose_disk_is_not_mounted_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    storage = LocalStorage({HOST: tmp_path / "empty", "none": tmp_path / "none"})
    try:
        for host in (HOST, "none"):
            for call in (storage.create_folder, storage.delete_folder, storage.folder_exists):
                with pytest.raises(ConnectionError) as caught:
                    await call(host, uuid4())
                assert str(tmp_path) not in str(caught.value)
    finally:
        storage.close()
    assert list((tmp_path / "empty").iterdir()) == []


async def test_the_loop_runs_on_while_files_are_deleted(
    disk: LocalStorage, folder: UUID, place: Path
) -> None:
    for n in range(20_000):
        (place / f"{n}").touch()
    longest = 0.0
    deleting = asyncio.create_task(disk.delete_folder(HOST, folder))
    loop = asyncio.get_running_loop()
    while not deleting.done():
        before = loop.time()
        await asyncio.sleep(0.001)
        longest = max(longest, loop.time() - before)
    assert await deleting == 20_000
    assert longest < 0.5


async def test_a_mount_inside_is_not_crossed_whoever_notices_it(
    disk: LocalStorage, folder: UUID, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel does not rename a mount point; and what it lets pass is of another device."""
    (place / "mounted").mkdir()
    rename, fstat = os.rename, os.fstat
    looked_at: list[int] = []

    def busy(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        if source == "mounted":
            raise OSError(errno.EBUSY, "busy")
        rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    def of_another_device(fd: int) -> os.stat_result:
        fields = list(fstat(fd))
        fields[2] += len(looked_at)  # the container is the first that is looked at
        looked_at.append(fd)
        return os.stat_result(fields)

    for name, replaced in (("rename", busy), ("fstat", of_another_device)):
        with monkeypatch.context() as mounted:
            mounted.setattr(os, name, replaced)
            with pytest.raises(StateConflict, match="mounted inside"):
                await disk.delete_folder(HOST, folder)
    assert await disk.folder_exists(HOST, folder)
    await disk.delete_folder(HOST, folder)
    assert not await disk.folder_exists(HOST, folder)


def test_directories_that_their_user_has_closed_are_deleted_by_a_plain_user() -> None:
    """Run as nobody in particular, because to root nothing is closed."""
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o777)
        done = subprocess.run(
            [sys.executable, "-c", CLOSED, base], check=False, capture_output=True, text=True
        )
    assert (done.stdout, done.stderr) == ("4 set()\n", "")
