"""What all tests share: one real PostgreSQL and Valkey a run, one database a worker."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.adapters.valkey import EmbeddedValkey
from tenantry.app import App, open_app
from tenantry.audit.actions import SearchAuditAction
from tenantry.audit.model import AuditEntry
from tenantry.kernel.action import Actor, ActorKind
from tenantry.settings import Settings
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.databases import create_database
from tenantry.testing.mail import FakeMailer
from tenantry.testing.users import ADMIN_PASSWORD, make_user
from tenantry.users.model import UserData, UserRole
from tests.connectors.programs import told
from tests.guides.printed import summary

OTHER_TENANT = UUID(int=2)
Trail = Callable[[str], Awaitable[list[AuditEntry]]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of a run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def postgres(shared_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A real server; the workers attach to it, and the last one stops it."""
    with EmbeddedPostgres(shared_folder / "postgres", durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def valkey(shared_folder: Path) -> Iterator[EmbeddedValkey]:
    """A real Valkey, shared likewise."""
    with EmbeddedValkey(shared_folder / "valkey") as server:
        yield server


@pytest.fixture(scope="session")
def database(postgres: EmbeddedPostgres) -> str:
    """The name of this worker's migrated database."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"tenantry_{worker}"
    asyncio.run(create_database(postgres, name))
    return name


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def settings(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, database: str, tmp_path: Path
) -> Settings:
    """Settings of a system on the shared servers, with hashing made cheap."""
    return Settings(
        port=0,
        data_dir=tmp_path / "data",
        database_url=postgres.dsn("tenantry_app", database),
        migration_database_url=postgres.dsn("tenantry_owner", database),
        valkey_url=valkey.url,
        admin_password=ADMIN_PASSWORD,
        hash_memory_kib=8,
        hash_time_cost=1,
        hash_wait=60.0,
        hash_queue=1000,
        login_delay=0,
        database_acquire_timeout=20.0,
        managed_hosts=(ip_network("127.0.0.0/8"), str(postgres.socket_folder)),
    )


@pytest.fixture
async def owner(postgres: EmbeddedPostgres, database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the role that owns the tables, to look behind the system's back."""
    connection = await asyncpg.connect(postgres.dsn("tenantry_owner", database))
    yield connection
    await connection.close()


async def empty(owner: asyncpg.Connection) -> None:
    """Leave nothing in the database but its schema, and what a migration has put into it."""
    tables = await owner.fetch(
        "select relname from pg_class where relkind in ('r', 'p') and not relispartition"
        " and relnamespace = 'public'::regnamespace"
        " and relname <> all(array['alembic_version', 'change_head'])"
    )
    # Truncating rewrites every table and partition, which takes 50 times as long as deleting.
    deletes = "; ".join(f"delete from {row[0]}" for row in tables)
    await owner.execute(f"begin; set local session_replication_role = replica; {deletes}; commit")
    await owner.execute("update change_head set seq = 0")


@pytest.fixture
def mailer() -> FakeMailer:
    """Where the system's mails end up."""
    return FakeMailer()


@pytest.fixture
async def tenantry(
    settings: Settings, clock: ShiftedClock, owner: asyncpg.Connection, mailer: FakeMailer
) -> AsyncIterator[App]:
    """The whole system on real servers, as empty as on its first day."""
    await empty(owner)
    async with open_app(settings, clock=clock, upkeep=False, mailer=mailer) as app:
        yield app


@pytest.fixture
async def john(tenantry: App) -> UserData:
    """A plain user."""
    return await make_user(tenantry, "john", email="john@example.com", full_name="John Doe")


@pytest.fixture
async def admin(tenantry: App) -> UserData:
    """An admin of the first tenant."""
    return await make_user(tenantry, "adele", role=UserRole.ADMIN)


@pytest.fixture
async def other_tenant(tenantry: App, owner: asyncpg.Connection) -> str:
    """The name of a second tenant, whose id is ``OTHER_TENANT``."""
    await owner.execute(
        "insert into tenants (id, name, name_key, status, created_at)"
        " values ($1, 'other', 'other', 'active', now())",
        OTHER_TENANT,
    )
    return "other"


@pytest.fixture
async def stranger(tenantry: App, other_tenant: str) -> UserData:
    """A plain user of the second tenant."""
    return await make_user(tenantry, "stranger", domain_name=other_tenant)


@pytest.fixture
def superadmin() -> Actor:
    """A superadmin who is nobody in particular."""
    return Actor(ActorKind.USER, "root", role="superadmin")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much is tried of what is made at random."""
    parser.addoption("--worlds", type=int, default=10, help="random worlds on each managed server")


@pytest.fixture
def worlds(request: pytest.FixtureRequest) -> int:
    """So many random worlds are tried on a server."""
    count: int = request.config.getoption("--worlds")
    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which of the guides' texts were run, and on which servers; nothing is skipped."""
    terminalreporter.write_line(summary())
    terminalreporter.write_line(told())


@pytest.fixture
def trail(tenantry: App) -> Trail:
    """The audit entries of a tag, newest first."""

    async def entries(tag: str) -> list[AuditEntry]:
        page = await tenantry.audit.search.wait_for_complete(SearchAuditAction(action=tag))
        return page.items

    return entries
