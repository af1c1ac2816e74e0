"""Argon2id in memory of its own: the library's hashes, on many threads, and nothing left in it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw

from tenantry.adapters.argon2_memory import WorkingMemory


@pytest.mark.parametrize(
    ("memory_kib", "time_cost", "parallelism"),
    [(8, 1, 1), (100, 2, 1), (1024, 1, 1), (19_456, 2, 1), (999, 3, 4)],
)
@pytest.mark.parametrize("secret", [b"", b"\0", b"a good passphrase", b"x" * 4096])
def test_it_hashes_as_the_library_does(
    memory_kib: int, time_cost: int, parallelism: int, secret: bytes
) -> None:
    memory = WorkingMemory(memory_kib=memory_kib, time_cost=time_cost, parallelism=parallelism)
    salt = bytes(range(16))
    expected = hash_secret_raw(secret, salt, time_cost, memory_kib, parallelism, 32, Type.ID)
    for _ in range(2):
        assert memory.argon2id(secret, salt, 32) == expected


def test_threads_do_not_share_memory() -> None:
    memory = WorkingMemory(memory_kib=1024, time_cost=2, parallelism=1)
    gate = threading.Barrier(4)

    def hashed(number: int) -> bool:
        secret, salt = b"secret %d" % number, b"salt number %4d" % number
        expected = hash_secret_raw(secret, salt, 2, 1024, 1, 32, Type.ID)
        gate.wait(10)
        return all(memory.argon2id(secret, salt, 32) == expected for _ in range(50))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(hashed, range(4)))


def test_nothing_is_left_in_it() -> None:
    memory = WorkingMemory(memory_kib=64, time_cost=1, parallelism=1)
    memory.argon2id(b"a good passphrase", bytes(16), 32)
    assert not any(memory._pages[:])


def test_what_the_library_refuses_is_refused() -> None:
    memory = WorkingMemory(memory_kib=64, time_cost=1, parallelism=1)
    with pytest.raises(HashingError, match="Salt"):
        memory.argon2id(b"a good passphrase", b"short", 32)
