"""Verifying what stands where a hash should be."""

from collections.abc import Iterator

import pytest

from tenantry.adapters.argon2 import ThreadedHasher
from tenantry.adapters.hash_threads import HashThreads

pytestmark = pytest.mark.anyio


@pytest.fixture
def hasher() -> Iterator[ThreadedHasher]:
    threads = HashThreads(threads=1, queue=10, wait=60)
    made = ThreadedHasher(memory_kib=8, time_cost=1, parallelism=1, threads=threads)
    yield made
    made.close()


async def test_a_hash_fits_its_password_and_no_other(hasher: ThreadedHasher) -> None:
    stored = await hasher.hash("a good passphrase")
    assert await hasher.verify(stored, "a good passphrase")
    assert not await hasher.verify(stored, "a good passphrasf")
    assert not await hasher.verify(None, "a good passphrase")


@pytest.mark.parametrize(
    ("salt", "digest"),
    [("A" * 21 + "!", "A" * 43), ("!" * 22, "A" * 43), ("A" * 22, "!" * 43), ("é" * 22, "A" * 43)],
)
async def test_what_only_looks_like_one_of_ours_fits_nothing(
    hasher: ThreadedHasher, salt: str, digest: str
) -> None:
    stored = f"{hasher.present}{salt}${digest}"
    assert not await hasher.verify(stored, "a good passphrase")
