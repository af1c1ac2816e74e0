"""What the slices need of password hashing."""

from contextlib import AbstractContextManager
from typing import Protocol


class PasswordHasher(Protocol):
    """Slow, salted hashing away from the event loop.

    Raises Overloaded when too many hashes wait already, or where one has waited for too long.
    """

    def place(self, *, beside: int = 0) -> AbstractContextManager[None]:
        """A place in the queue, for as long as one is inside; Overloaded where there is none.

        Who takes one first is turned away before any work was done. So many ``beside`` who have a
        place wait for something else, and take none from others.
        """

    async def hash(self, password: str) -> str:
        """A fresh hash with the present cost."""

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password fits; without a stored hash False, after just as much work."""

    @property
    def present(self) -> str:
        """How the text of every hash begins that is made at the present cost."""

    def outdated(self, stored: str) -> bool:
        """Whether a hash was made by another scheme or at another cost."""

    def recognises(self, stored: str) -> bool:
        """Whether a hash made elsewhere can be verified here, at a bearable cost."""
