"""What a purge is about: who asks for what, its plan, its receipt; and who takes part in it."""

from typing import Any, Protocol
from uuid import UUID

from tenantry.kernel.transaction import Transaction
from tenantry.record import Record

Outcome = dict[str, Any]  # Any: each step has an outcome of its own, fit for JSON


class UserInfoContext(Record, frozen=True, kw_only=True):
    """Who asks for the purge, and so receives what is handed over.

    Where it names the purged user, shared things go to the actor.
    """

    uuid: UUID
    email: str
    main_access_key: str | None
    """None for a user without any key."""


class PurgeOrder(Record, frozen=True, kw_only=True):
    """A purge that was asked for. ``receiver_id`` is None where nobody can take things over."""

    user_id: UUID
    tenant_id: UUID
    receiver_id: UUID | None
    purge_shared_vfolders: bool
    delegate_endpoint_ownership: bool


class PurgeReceipt(Record, frozen=True, kw_only=True):
    """What is, or would be, removed, handed over and kept, by step.

    ``job_id`` is None in a preview; ``done`` is False while the job is under way.
    """

    user_id: UUID
    username: str
    steps: dict[str, Any]  # Any: as above
    kept: list[str]
    verified: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies it; Any: as above
    """What was looked for outside at the end and is not there any more."""
    done: bool
    job_id: UUID | None = None


class Outside(Record, frozen=True):
    """What a user had outside the database: folders by host, compute sessions by agent."""

    folders: dict[str, list[UUID]] = {}  # noqa: RUF012 - msgspec copies it
    sessions: dict[str, list[UUID]] = {}  # noqa: RUF012 - as above


class PurgeStep(Protocol):
    """A part of every purge, done by the slice that it is about. All of it can be repeated."""

    @property
    def name(self) -> str:
        """What the receipt calls it."""

    async def plan(self, tx: Transaction, order: PurgeOrder) -> Outcome:
        """What it would do now. UserPurgeFailure where the purge must not begin."""

    async def perform(self, order: PurgeOrder) -> Outcome:
        """Do it, outside any transaction; what is done already is left alone."""

    async def outside(self, tx: Transaction, user_id: UUID) -> Outside:
        """What the user had outside the database that this step is about."""

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Remove the rows that are left; part of the purge's last transaction."""
