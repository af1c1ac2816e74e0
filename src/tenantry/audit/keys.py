"""Keys of persons: what an entry says of somebody can be read as long as the key is there.

A process makes a key of its own for each person and month, and writes it with the first entry
that needs it; so an entry never waits for a key to be looked up. A purge removes all keys of a
person, wherever copies of the entries lie.
"""

import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tenantry.audit.ports import Box, Cipher, MakeBox
from tenantry.kernel.clock import uuid7

CAPACITY = 10_000
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class PersonKey:
    """A key of a person for a month; ``wrapped`` is how it lies in the database."""

    id: UUID
    person_id: UUID
    at: datetime
    wrapped: bytes
    box: Box


class PersonKeys:
    """The keys that this process writes and reads with, the most recently used ones.

    ``index_key`` is the key of digests, known when the installation is prepared.
    Used from one event loop only. What is remembered here opens nothing by itself: who reads
    asks the database first which keys there still are.
    """

    def __init__(self, *, cipher: Cipher, make_box: MakeBox, capacity: int = CAPACITY) -> None:
        self._cipher = cipher
        self._make_box = make_box
        self._capacity = capacity
        self._written: OrderedDict[UUID, PersonKey] = OrderedDict()
        self._read: OrderedDict[UUID, Box] = OrderedDict()
        self.index_key = b""

    def known(self, person_id: UUID, now: datetime) -> PersonKey | None:
        """The key of this month that an earlier entry was committed with, if it is remembered."""
        key = self._written.get(person_id)
        if key is None or (key.at.year, key.at.month) != (now.year, now.month):
            return None
        self._written.move_to_end(person_id)
        return key

    def make(self, person_id: UUID, now: datetime) -> PersonKey:
        """A fresh key, to be stored with the entry; ``keep`` it once that is committed."""
        key_id, secret = uuid7(now), secrets.token_bytes(KEY_BYTES)
        wrapped = self._cipher.seal(secret, _context(key_id, person_id))
        return PersonKey(key_id, person_id, now, wrapped, self._make_box(secret))

    def keep(self, keys: Iterable[PersonKey]) -> None:
        """Write the next entries of these persons with these keys, too."""
        for key in keys:
            self._written[key.person_id] = key
            self._written.move_to_end(key.person_id)
        while len(self._written) > self._capacity:
            self._written.popitem(last=False)

    def box(self, key_id: UUID, person_id: UUID, wrapped: bytes) -> Box:
        """The box of a stored key; ConfigurationError where no key of ours opens it."""
        box = self._read.get(key_id)
        if box is None:
            box = self._make_box(self._cipher.open(wrapped, _context(key_id, person_id)))
            self._read[key_id] = box
            if len(self._read) > self._capacity:
                self._read.popitem(last=False)
        else:
            self._read.move_to_end(key_id)
        return box

    def rewrapped(self, key_id: UUID, person_id: UUID, wrapped: bytes) -> bytes:
        """The same key, wrapped by today's key of the installation."""
        context = _context(key_id, person_id)
        return self._cipher.seal(self._cipher.open(wrapped, context), context)


def _context(key_id: UUID, person_id: UUID) -> bytes:
    return b"audit key " + key_id.bytes + person_id.bytes
