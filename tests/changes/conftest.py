"""What the tests of the log share: something that keeps in memory, and writes to keep up with."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from tenantry.app import App
from tenantry.changes.log import ChangeLog
from tenantry.changes.model import Change, ChangeKind
from tenantry.changes.version import writing
from tenantry.kernel.transaction import Transaction

Write = Callable[[UUID], Awaitable[int]]


@dataclass
class Memory:
    """Keeps everything and remembers what it was told."""

    renewed: list[Change] = field(default_factory=list)
    dropped: list[Change] = field(default_factory=list)
    emptied: int = 0

    def concerned(self, changes: Sequence[Change]) -> Sequence[Change]:
        return changes

    def drop(self, changes: Sequence[Change]) -> None:
        self.dropped += changes

    async def renew(self, tx: Transaction, changes: Sequence[Change]) -> None:
        self.renewed += changes

    def let_go(self) -> None:
        self.emptied += 1


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def write(tenantry: App) -> Write:
    """Note a change of this user; its version."""
    return lambda subject_id: written_by(tenantry, subject_id)


async def written_by(app: App, subject_id: UUID | None = None) -> int:
    with writing() as written:
        async with app.database.transaction() as tx:
            await ChangeLog.note(tx, user_changed(subject_id or uuid4()))
    assert written.version is not None
    return written.version


def user_changed(subject_id: UUID) -> Change:
    return Change(ChangeKind.USER, subject_id)
