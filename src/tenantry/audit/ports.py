"""What the audit needs of encryption."""

from collections.abc import Callable, Sequence
from typing import Protocol


class Box(Protocol):
    """Seals and opens with one key, or several of which the first one seals."""

    def seal(self, secret: bytes, context: bytes) -> bytes:
        """The secret, encrypted for this context."""

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The secret; ConfigurationError when it was damaged, moved or sealed with another key."""


class Cipher(Box, Protocol):
    """The installation's keys."""

    @property
    def current_id(self) -> bytes:
        """What begins everything that is sealed now."""

    def sign(self, message: bytes) -> bytes:
        """A signature that only who has the key can make or check."""

    def is_signed(self, message: bytes, signature: bytes) -> bool | None:
        """Whether one of the keys signed this message; None where its key is not here."""


MakeBox = Callable[[bytes], Box]
"""The box of a key of 32 bytes."""


class Anchor(Protocol):
    """A place outside the database that remembers heads, for when somebody rewrites all of it."""

    async def append(self, number: int, head: bytes) -> None:
        """Remember the head of a seal, for good."""

    async def heads(self) -> Sequence[tuple[int, str]]:
        """What is remembered, in order: number and head in hex; ConfigurationError if damaged."""
