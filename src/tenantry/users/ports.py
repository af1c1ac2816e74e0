"""What the users need of other slices, so that those may depend on users and not the reverse."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from tenantry.errors import Violation
from tenantry.kernel.transaction import Transaction
from tenantry.users.model import UserCreator, UserData, UserModifier


class Companions(Protocol):
    """What belongs to a user and lives in another slice: groups, access keys, roles.

    All run inside the transaction of the user's own change: what they raise undoes it.
    """

    async def objections(
        self, tx: Transaction, wanted: Sequence[tuple[UUID, UserCreator]]
    ) -> Mapping[int, Violation]:
        """What stands against making these users in these tenants, by place; changes nothing."""

    async def welcome(
        self, tx: Transaction, newcomers: Sequence[tuple[UserData, UserCreator]]
    ) -> None:
        """Users have just been added, a thousand at most; make what belongs to them."""

    async def follow(
        self, tx: Transaction, before: UserData, after: UserData, modifier: UserModifier
    ) -> None:
        """A user has just been changed; change what belongs to it."""

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """A user is about to be removed; remove the rows that belong to it."""


class FolderStore(Protocol):
    """What the users need of the storage manager: to see that a purged user's folders are gone."""

    async def folder_exists(self, host: str, folder_id: UUID) -> bool:
        """Whether anything is left of it."""

    async def delete_folder(self, host: str, folder_id: UUID) -> int:
        """Delete it for good."""


class SessionHost(Protocol):
    """What the users need of the agents: to see that nothing of a purged user still runs."""

    async def list_sessions(self, agent: str) -> set[UUID]:
        """What really runs there."""

    async def terminate_session(self, agent: str, session_id: UUID) -> object:
        """End it."""


class SampleStore(Protocol):
    """What the users need of Valkey: live samples for month statistics, and to drop them.

    Raises ConnectionError when Valkey cannot be reached.
    """

    async def get_samples(self, session_ids: Iterable[UUID]) -> Mapping[UUID, Any]:
        """The latest samples. Any: what is in one is a matter of the slice of usage."""

    async def drop_samples(self, session_ids: Iterable[UUID]) -> None:
        """Forget them."""
