"""What the slices need of password hashing."""

from typing import Protocol


class PasswordHasher(Protocol):
    """Slow, salted hashing away from the event loop.

    Raises Overloaded when too many hashes wait already.
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
