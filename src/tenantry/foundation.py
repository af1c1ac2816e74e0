"""What all services stand on, made from the settings: databases, keys and the other adapters."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tenantry import bootstrap
from tenantry.adapters.agents import LocalAgents
from tenantry.adapters.anchor import AnchorFile
from tenantry.adapters.argon2 import ThreadedHasher
from tenantry.adapters.cipher import Cipher, ensure_keys, read_keys
from tenantry.adapters.databases.connecting import AllowedServers
from tenantry.adapters.hash_threads import HashThreads
from tenantry.adapters.mail_folder import FolderMailer
from tenantry.adapters.postgres.database import (
    APPLICATION,
    PostgresDatabase,
    connector,
    open_fence,
    open_pool,
)
from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.adapters.postgres.listener import ChangeListener
from tenantry.adapters.postgres.migrate import migrate as migrate_database
from tenantry.adapters.smtp import SmtpMailer
from tenantry.adapters.storage import LocalStorage
from tenantry.adapters.supervisor import kept_running
from tenantry.adapters.valkey import EmbeddedValkey, ValkeyConnection, available
from tenantry.adapters.valkey_statistics import NoStatistics, ValkeyStatistics
from tenantry.audit.keys import PersonKeys
from tenantry.audit.parts import AuditParts
from tenantry.audit.recorder import AuditRecorder
from tenantry.audit.repository import AuditRepository
from tenantry.changes.feed import ChangeFeed
from tenantry.config import make_data_folder
from tenantry.databases.servers import Connections
from tenantry.kernel.action import Audience, current_actor, current_run
from tenantry.kernel.clock import Clock
from tenantry.mail.model import Sender
from tenantry.mail.ports import Mailer
from tenantry.passwords.ports import PasswordHasher
from tenantry.routes import ROUTES
from tenantry.settings import Settings
from tenantry.storage.ports import StorageManager
from tenantry.usage.ports import ValkeyStatClient
from tenantry.users.access import bound_tenant

OWNER, DATABASE = "tenantry_owner", "postgres"


@dataclass(frozen=True)
class Foundation:
    """What all services stand on. ``valkey`` is the connection that tells of its health."""

    settings: Settings
    database: PostgresDatabase
    recorder: AuditRecorder
    valkey: ValkeyConnection | None
    clock: Clock
    cursor_key: bytes
    hasher: PasswordHasher
    cipher: Cipher
    audit: AuditParts
    storage_manager: StorageManager
    agent_registry: LocalAgents
    valkey_stat_client: ValkeyStatClient
    mailer: Mailer
    feed: ChangeFeed
    listener: ChangeListener
    connections: Connections


async def lay_foundation(
    stack: AsyncExitStack, settings: Settings, clock: Clock, mailer: Mailer | None
) -> Foundation:
    """Start and connect to what all services stand on; the stack ends it again."""
    cipher = _cipher(settings)
    person_keys = PersonKeys(cipher=cipher, make_box=lambda key: Cipher([key]))
    recorder = AuditRecorder(AuditRepository(), person_keys, clock)
    dsn = await _dsn(stack, settings)
    database = await _database(stack, dsn, settings, recorder)
    feed = ChangeFeed(database=database.unfenced, bound=settings.decision_lag)
    database.tell(feed)
    async with database.transaction() as tx:
        cursor_key = await bootstrap.install(tx, clock)
    hasher = _hasher(stack, settings)
    make_data_folder(settings.data_dir)
    storage = LocalStorage(settings.storage_roots or {"local": settings.data_dir / "vfolders"})
    stack.callback(storage.close)
    await storage.prepare()
    statistics, valkey = await _valkey(stack, settings)
    audit = AuditParts(
        database=database,
        cipher=cipher,
        keys=person_keys,
        anchor=AnchorFile(settings.audit_anchor or settings.data_dir / "audit.anchor"),
        tags=frozenset(route.action.tag for route in ROUTES),
        settings=settings,
        clock=clock,
        cursor_key=cursor_key,
    )
    return Foundation(
        settings=settings,
        database=database,
        recorder=recorder,
        valkey=valkey,
        clock=clock,
        cursor_key=cursor_key,
        hasher=hasher,
        cipher=cipher,
        audit=audit,
        storage_manager=storage,
        agent_registry=LocalAgents(settings.data_dir / "agents"),
        valkey_stat_client=statistics,
        mailer=mailer or mailer_of(settings),
        feed=feed,
        listener=ChangeListener(connect=connector(dsn, settings), feed=feed),
        connections=AllowedServers(settings.managed_hosts),
    )


async def migrate(settings: Settings) -> str:
    """Bring the database up to date and say which revision it has now."""
    async with AsyncExitStack() as stack:
        if settings.database_url:
            return await migrate_database(settings.migration_database_url or settings.database_url)
        postgres = await stack.enter_async_context(kept_running(_embedded_postgres(settings)))
        return await migrate_database(postgres.dsn(OWNER, DATABASE))


def mailer_of(settings: Settings) -> Mailer:
    """The mail server that is named, or else a folder."""
    name, address = settings.smtp_from
    sender = Sender(address, name)
    if settings.smtp_host is None:
        return FolderMailer(settings.data_dir / "outgoing-mail", sender)
    return SmtpMailer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        sender=sender,
        username=settings.smtp_user,
        password=settings.smtp_password,
        authorities=settings.smtp_ca_file,
        timeout=settings.smtp_timeout,
    )


def _cipher(settings: Settings) -> Cipher:
    """The keys of the file named, or of our own, which the first start makes."""
    if settings.secret_key_file is not None:
        return read_keys(settings.secret_key_file)
    return ensure_keys(settings.data_dir / "secret.keys")


def _hasher(stack: AsyncExitStack, settings: Settings) -> ThreadedHasher:
    hasher = ThreadedHasher(
        memory_kib=settings.hash_memory_kib,
        time_cost=settings.hash_time_cost,
        parallelism=settings.hash_parallelism,
        threads=HashThreads(
            threads=settings.hash_threads, queue=settings.hash_queue, wait=settings.hash_wait
        ),
    )
    stack.callback(hasher.close)
    return hasher


async def _valkey(
    stack: AsyncExitStack, settings: Settings
) -> tuple[ValkeyStatClient, ValkeyConnection | None]:
    """Live statistics, and a connection of its own to ask how Valkey does."""
    url = await _valkey_url(stack, settings)
    if url is None:
        return NoStatistics(), None
    statistics, connection = ValkeyStatistics.connect(url), ValkeyConnection.connect(url)
    stack.push_async_callback(statistics.close)
    stack.push_async_callback(connection.close)
    return statistics, connection


async def _database(
    stack: AsyncExitStack, dsn: str, settings: Settings, recorder: AuditRecorder
) -> PostgresDatabase:
    pool = await open_pool(dsn, settings)
    stack.push_async_callback(_close, pool)
    fence = await open_fence(dsn, settings, _fenced_tenant)
    stack.push_async_callback(_close, fence.pool)
    return PostgresDatabase(pool, recorder, settings.database_acquire_timeout, fence)


def _embedded_postgres(settings: Settings) -> EmbeddedPostgres:
    return EmbeddedPostgres(settings.data_dir / "postgres", bin_dir=settings.postgres_bin)


async def _dsn(stack: AsyncExitStack, settings: Settings) -> str:
    """A migrated database's address for the application."""
    if settings.database_url:
        await migrate_database(settings.migration_database_url or settings.database_url)
        return settings.database_url
    postgres = await stack.enter_async_context(kept_running(_embedded_postgres(settings)))
    await migrate_database(postgres.dsn(OWNER, DATABASE))
    return postgres.dsn(APPLICATION, DATABASE)


async def _valkey_url(stack: AsyncExitStack, settings: Settings) -> str | None:
    """Where Valkey answers: the one named, else our own where its wheel is installed."""
    if settings.valkey_url is not None or not available():
        return settings.valkey_url
    server = EmbeddedValkey(settings.data_dir / "valkey")
    return (await stack.enter_async_context(kept_running(server))).url


async def _close(pool: Any) -> None:  # Any: asyncpg's pool
    """Close in order, but do not wait for connections that are stuck."""
    try:
        async with asyncio.timeout(5):
            await pool.close()
    except TimeoutError:
        pool.terminate()


def _fenced_tenant() -> UUID | None:
    """The tenant that what runs now is bound to: that of its actor.

    An action that is open to everybody, such as a login, is asked by nobody in particular.
    """
    run = current_run()
    if run is not None and run.action.audience is Audience.EVERYONE:
        return None
    return bound_tenant(current_actor())
