"""Argon2id in memory of large pages, which each hashing thread keeps.

The library asks the system for fresh memory each time and jumps about in it, which with pages of
4 KiB makes the processor look up another page at nearly every step (docs/decisions/0132).
"""

import mmap
import threading
from typing import Any

from argon2.exceptions import HashingError
from argon2.low_level import ARGON2_VERSION, Type, core, error_to_str, ffi

LARGE_PAGE = 2 << 20
_DONE, _REFUSED = 0, 1


class WorkingMemory(threading.local):
    """Hashes at one cost; whichever thread uses it has memory of its own, made at its first use."""

    def __init__(self, *, memory_kib: int, time_cost: int, parallelism: int) -> None:
        self._size = memory_kib << 10
        self._cost = {
            "m_cost": memory_kib,
            "t_cost": time_cost,
            "lanes": parallelism,
            "threads": parallelism,
        }
        self._pages = mmap.mmap(
            -1, self._size + LARGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        )
        if hasattr(mmap, "MADV_HUGEPAGE"):
            self._pages.madvise(mmap.MADV_HUGEPAGE)
        begin = ffi.from_buffer("uint8_t[]", self._pages)
        self._begin = begin + -int(ffi.cast("uintptr_t", begin)) % LARGE_PAGE
        self._lend = ffi.callback("int(uint8_t **, size_t)", self._lent)
        self._take_back = ffi.callback("void(uint8_t *, size_t)", _kept)

    def _lent(self, place: Any, size: int) -> int:  # Any: a pointer, which has no type in Python
        if size > self._size:
            return _REFUSED
        place[0] = self._begin
        return _DONE

    def argon2id(self, secret: bytes, salt: bytes, length: int) -> bytes:
        """The raw hash of so many bytes; the library wipes the memory before it gives it back."""
        made = ffi.new("uint8_t[]", length)
        given, salted = ffi.new("uint8_t[]", secret), ffi.new("uint8_t[]", salt)
        context = ffi.new("argon2_context *", self._cost)
        context.out, context.outlen = made, length
        context.pwd, context.pwdlen = given, len(secret)
        context.salt, context.saltlen = salted, len(salt)
        context.version = ARGON2_VERSION
        context.allocate_cbk, context.free_cbk = self._lend, self._take_back
        failed = core(context, Type.ID.value)
        if failed:
            raise HashingError(error_to_str(failed))
        return bytes(ffi.buffer(made))


def _kept(begin: Any, size: int) -> None:
    """Take the memory back, which is to stay."""
