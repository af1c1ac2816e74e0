"""One action, one transaction, its audit entry inside it: on the real database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import asyncpg
import pytest

from tenantry.app import App
from tenantry.audit.recorder import AuditMonitor
from tenantry.errors import ConnectionError, TransactionConflict
from tenantry.kernel.action import Action, Note, Outcome
from tenantry.kernel.processor import Processor, Runner
from tenantry.kernel.transaction import ConstraintViolation, Statement
from tenantry.record import Record
from tenantry.settings import Settings
from tenantry.testing.users import make_user
from tenantry.users.actions import CreateUserAction, GetUserAction
from tenantry.users.model import UserCreator

pytestmark = pytest.mark.anyio

ADD = Statement(
    "test.add",
    "Add a resource policy.",
    "insert into resource_policies values ($1, 0, 0, 0, 0, null, now())",
)
THERE = Statement(
    "test.there",
    "Whether it is there.",
    "select exists (select from resource_policies where name = $1)",
)
TOUCH = Statement(
    "test.touch",
    "Change it.",
    "update resource_policies set max_vfolder_count = max_vfolder_count + 1 where name = $1",
)
SERIALIZABLE = Statement("test.level", "Strictly.", "set transaction isolation level serializable")
SLOW = Statement("test.slow", "Take too long.", "select pg_sleep(30)")


class Added(Record, frozen=True):
    ok: bool = True


class Add(Action[Added], frozen=True):
    """Add a policy."""

    tag: ClassVar[str] = "policy.add"
    name: str = "extra"

    def target(self) -> str | None:
        return self.name


class Look(Action[Added], frozen=True):
    """Look, and change nothing."""

    tag: ClassVar[str] = "policy.look"
    reads: ClassVar[bool] = True


def processor_of(
    app: App, handle: Callable[[Any], Awaitable[Added]], kind: type[Action[Any]] = Add
) -> Processor[Any, Added]:
    run = Runner(app.action_monitors, app._runner.guard, app.clock)
    return run(kind, handle)


async def there(app: App, name: str = "extra") -> bool:
    async with app.database.autocommit() as tx:
        return bool(await tx.fetchval(THERE, name))


async def entries(owner: asyncpg.Connection, tag: str = "policy.add") -> list[tuple[str, str]]:
    rows = await owner.fetch(
        "select outcome, coalesce(reason, '') as reason from audit_entries where action = $1", tag
    )
    return [(row["outcome"], row["reason"]) for row in rows]


async def test_a_change_and_its_entry_are_stored_together(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    async def add(action: Add) -> Added:
        async with tenantry.database.transaction() as tx:
            await tx.execute(ADD, action.name)
            assert await owner.fetchval("select count(*) from resource_policies") == 3
        return Added()

    await processor_of(tenantry, add).wait_for_complete(Add())
    assert await there(tenantry)
    assert await entries(owner) == [("succeeded", "")]


async def test_an_error_undoes_the_change_and_leaves_an_entry(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    async def add(action: Add) -> Added:
        async with tenantry.database.transaction() as tx:
            await tx.execute(ADD, action.name)
            tx.note(Note("extra"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await processor_of(tenantry, add).wait_for_complete(Add())
    assert not await there(tenantry)
    assert await entries(owner) == [("failed", "internal_error")]


async def test_without_its_entry_a_change_is_not_stored(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    await owner.execute("revoke insert on audit_entries from tenantry_app")
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await make_user(tenantry, "ada")
    finally:
        await owner.execute("grant insert on audit_entries to tenantry_app")
    assert await owner.fetchval("select count(*) from users where username = 'ada'") == 0
    await make_user(tenantry, "ada")


async def test_an_entry_that_breaks_a_rule_of_the_table_undoes_the_change_too(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "alter table audit_entries add constraint broken check (action <> 'user.create') not valid"
    )
    try:
        with pytest.raises(ConstraintViolation):
            await make_user(tenantry, "ada")
    finally:
        await owner.execute("alter table audit_entries drop constraint broken")
    assert await owner.fetchval("select count(*) from users where username = 'ada'") == 0


async def test_an_entry_goes_with_a_statement_that_follows_its_note(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    """It costs no round trip of its own, and is not written twice."""
    asked: list[str] = []

    async def add(action: Add) -> Added:
        async with tenantry.database.transaction() as tx:
            await tx.execute(ADD, action.name)
            tx.note(Note(action.name))
            tx.connection.add_query_logger(lambda record: asked.append(record.query))
            await tx.execute(TOUCH, action.name)
            assert await tx.fetchval(THERE, action.name)
        return Added()

    await processor_of(tenantry, add).wait_for_complete(Add())
    assert ["insert into audit_entries" in sql for sql in asked] == [False, True]
    assert await entries(owner) == [("succeeded", "")]


async def test_an_entry_that_cannot_be_made_undoes_the_change(
    tenantry: App, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async def add(action: Add) -> Added:
        async with tenantry.database.transaction() as tx:
            await tx.execute(ADD, action.name)
            tx.note(Note(action.name))
            await tx.execute(TOUCH, action.name)
        return Added()

    monkeypatch.setattr(tenantry.database.recorder, "record", fail)
    with pytest.raises(ZeroDivisionError):
        await processor_of(tenantry, add).wait_for_complete(Add())
    assert not await there(tenantry)


async def test_a_run_that_is_recorded_needs_no_entry_for_its_further_transactions(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    async def add(action: Add) -> Added:
        async with tenantry.database.transaction() as tx:
            await tx.execute(ADD, action.name)
        async with tenantry.database.transaction() as tx:
            await tx.execute(TOUCH, action.name)
        return Added()

    await processor_of(tenantry, add).wait_for_complete(Add())
    assert await entries(owner) == [("succeeded", "")]


async def test_effects_run_once_after_the_commit(tenantry: App) -> None:
    seen: list[bool] = []

    async def effect() -> None:
        seen.append(await there(tenantry))

    async with tenantry.database.transaction() as tx:
        tx.after_commit(effect)
        await tx.execute(ADD, "extra")
        assert seen == []
    assert seen == [True]


async def test_effects_do_not_run_when_the_change_is_undone(tenantry: App) -> None:
    ran: list[str] = []

    async def effect() -> None:
        ran.append("effect")

    async def fail() -> None:
        async with tenantry.database.transaction() as tx:
            await tx.execute(ADD, "extra")
            tx.after_commit(effect)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert ran == []
    assert not await there(tenantry)


async def test_what_is_left_for_later_is_part_of_the_change(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    async def add(*names: str, error: Exception | None = None) -> None:
        async with tenantry.database.transaction() as tx:
            for name in names:
                tx.later(ADD, name)
            if error is not None:
                raise error

    await add("one", "two")
    assert await there(tenantry, "one")
    assert await there(tenantry, "two")
    with pytest.raises(ConstraintViolation):
        await add("three", "one")
    assert not await there(tenantry, "three")
    with pytest.raises(ZeroDivisionError):
        await add("four", error=ZeroDivisionError())
    assert not await there(tenantry, "four")


async def test_a_broken_constraint_is_told_by_its_name_where_it_breaks(tenantry: App) -> None:
    async with tenantry.database.autocommit() as tx:
        with pytest.raises(ConstraintViolation) as broken:
            await tx.execute(ADD, "default")
    assert str(broken.value) == broken.value.constraint == "resource_policies_pkey"


async def test_two_that_collide_are_both_done_in_the_end(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    both = asyncio.Barrier(2)
    tries: list[str] = []

    async def touch(action: Add) -> Added:
        first = len(tries) < 2
        tries.append(action.name)
        async with tenantry.database.transaction() as tx:
            await tx.execute(SERIALIZABLE)
            await tx.fetchval(THERE, "default")
            if first:
                await both.wait()
            await tx.execute(TOUCH, "default")
        return Added()

    processor = processor_of(tenantry, touch)
    await asyncio.gather(
        processor.wait_for_complete(Add("a")), processor.wait_for_complete(Add("b"))
    )
    assert len(tries) > 2
    count = await owner.fetchval(
        "select max_vfolder_count from resource_policies where name = 'default'"
    )
    assert count == 12
    assert await entries(owner) == [("succeeded", "")] * 2


async def test_what_keeps_colliding_fails_with_one_entry(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    async def collide(action: Add) -> Added:
        async with tenantry.database.transaction() as tx:
            await tx.execute(ADD, action.name)
            raise TransactionConflict

    with pytest.raises(TransactionConflict):
        await processor_of(tenantry, collide).wait_for_complete(Add())
    assert await entries(owner) == [("failed", "transaction_conflict")]
    assert not await there(tenantry)


async def test_a_read_that_succeeds_leaves_no_entry_and_one_that_fails_does(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    async def look(action: Look) -> Added:
        async with tenantry.database.transaction() as tx:
            await tx.fetchval(THERE, "default")
        return Added()

    async def fail(action: Look) -> Added:
        raise ZeroDivisionError

    await processor_of(tenantry, look, Look).wait_for_complete(Look())
    assert await entries(owner, "policy.look") == []
    with pytest.raises(ZeroDivisionError):
        await processor_of(tenantry, fail, Look).wait_for_complete(Look())
    assert await entries(owner, "policy.look") == [("failed", "internal_error")]


async def test_a_note_says_the_outcome_where_the_change_is_that_something_failed(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    async def note(action: Add) -> Added:
        async with tenantry.database.transaction() as tx:
            tx.note(Note("extra", outcome=Outcome.FAILED, reason="because"))
        return Added()

    await processor_of(tenantry, note).wait_for_complete(Add())
    assert await entries(owner) == [("failed", "because")]


async def test_when_the_entry_of_a_failure_cannot_be_written_the_failure_is_still_raised(
    tenantry: App, owner: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    assert any(isinstance(monitor, AuditMonitor) for monitor in tenantry.action_monitors)
    await owner.execute("revoke insert on audit_entries from tenantry_app")
    try:
        with pytest.raises(Exception, match="no such user"):
            await tenantry.users.get_user.wait_for_complete(GetUserAction(user="nobody"))
    finally:
        await owner.execute("grant insert on audit_entries to tenantry_app")
    assert "AuditMonitor" in caplog.text


async def test_a_statement_that_takes_too_long_is_given_up(
    tenantry: App, settings: Settings, owner: asyncpg.Connection
) -> None:
    async with tenantry.database.autocommit() as tx:
        await tx.execute(Statement("test.limit", "Soon.", "set statement_timeout = 50"))
        with pytest.raises(ConnectionError, match="too long"):
            await tx.fetchval(SLOW)
        await tx.execute(Statement("test.limit", "As usual.", "set statement_timeout = 5000"))


async def test_a_row_that_somebody_holds_is_waited_for_only_so_long(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    async def touch() -> None:
        async with tenantry.database.transaction() as tx:
            await tx.execute(Statement("test.limit", "Soon.", "set local lock_timeout = 50"))
            await tx.execute(TOUCH, "default")

    async with owner.transaction():
        await owner.execute("select from resource_policies where name = 'default' for update")
        with pytest.raises(ConnectionError, match="too long"):
            await touch()


async def test_a_lost_connection_is_an_error_of_ours_and_the_next_one_works(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    me = Statement("test.pid", "Which process.", "select pg_backend_pid()")

    async def lose() -> None:
        async with tenantry.database.transaction() as tx:
            await tx.execute(ADD, "extra")
            await owner.execute("select pg_terminate_backend($1, 5000)", await tx.fetchval(me))
            await tx.fetchval(THERE, "extra")

    with pytest.raises(ConnectionError):
        await lose()
    assert not await there(tenantry)
    action = CreateUserAction(input=UserCreator(username="after"))
    assert (await tenantry.users.create_user.wait_for_complete(action)).success
