"""`tenantry doctor`: what is well and what is not, from this machine to the server's database."""

import os
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tenantry.auth.actions import WhoAmIAction
from tenantry.cli import session
from tenantry.cli.exits import FAILED
from tenantry.cli.invocation import Invocation, Plain, current
from tenantry.errors import NotAuthenticated, TenantryError

if TYPE_CHECKING:
    import httpx2

_SKEW_WARNING = 5.0
_SKEW_FAILURE = 60.0


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(msgspec.Struct, frozen=True):
    """One line of the answer."""

    check: str
    state: State
    detail: str


@click.command(cls=Plain)
@click.pass_context
def doctor(context: click.Context) -> None:
    """Check this installation and its server. Exits with 1 when something is wrong."""
    checks = [*_installation(), *_server(session.server()), _login()]
    _print(current(), checks)
    if any(check.state is State.FAIL for check in checks):
        context.exit(FAILED)


def skew(server_date: str | None, now: datetime) -> Check:
    """How far this clock is from the server's; a Date header is exact to a second."""
    try:
        theirs = parsedate_to_datetime(server_date or "")
    except ValueError:
        return Check("clock", State.WARN, "the server tells no time")
    seconds = abs((now - theirs).total_seconds())
    if seconds > _SKEW_FAILURE:
        return Check("clock", State.FAIL, f"{seconds:.0f} s apart from the server's")
    state = State.WARN if seconds > _SKEW_WARNING else State.OK
    return Check("clock", state, f"{seconds:.0f} s apart from the server's")


def _print(invocation: Invocation, checks: list[Check]) -> None:
    from tenantry.cli.formats import WRITERS
    from tenantry.cli.output import fields_of, show_table

    columns = fields_of(Check)
    if invocation.output in (None, "table"):
        from tenantry.cli.safe import shown

        rows = [(c.check, c.state.value, shown(c.detail)) for c in checks]
        show_table(invocation, columns, rows)
        return
    writer = WRITERS[invocation.output](sys.stdout, columns)
    writer.write(checks)
    writer.end()


def _installation() -> Iterator[Check]:
    from tenantry.settings import Settings

    yield Check("python", State.OK, sys.version.split()[0])
    try:
        settings = Settings.from_environment(os.environ)
    except TenantryError as error:
        yield Check("settings", State.FAIL, str(error).replace("\n", " "))
        return
    yield Check("settings", State.OK, "every TENANTRY_* variable is known and fits")
    yield _connection_file(settings.data_dir)


def _connection_file(data_dir: Path) -> Check:
    """The first administrator's password is in it, so nobody else may read it."""
    from tenantry.config import FILE_NAME

    path = data_dir / FILE_NAME
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        detail = f"{path}: {error.strerror} (there is one only where a server has run)"
        return Check("data folder", State.WARN, detail)
    state = State.FAIL if mode & 0o077 else State.OK
    return Check("data folder", state, f"{path.absolute()}, mode {mode:04o}")


def _server(address: str) -> Iterator[Check]:
    import httpx2

    from tenantry.sdk.address import http_options

    try:
        with httpx2.Client(**http_options(address, timeout=5.0)) as client:
            live = client.get(f"{address}/health/live")
            now = datetime.now(UTC)
            ready = client.get(f"{address}/health/ready")
    except httpx2.HTTPError as error:
        yield Check("server", State.FAIL, f"{address} cannot be reached: {error}")
        return
    state = State.OK if live.status_code == 200 else State.FAIL
    yield Check("server", state, f"{address} answers with status {live.status_code}")
    yield skew(live.headers.get("Date"), now)
    yield from _readiness(ready)


class _Readiness(msgspec.Struct):
    name: str
    ok: bool
    required: bool = True
    detail: str | None = None


def _readiness(response: "httpx2.Response") -> Iterator[Check]:
    try:
        lines = msgspec.json.decode(response.content, type=list[_Readiness])
    except ValueError:
        yield Check("ready", State.FAIL, f"no answer of a Tenantry server ({response.status_code})")
        return
    for line in lines:
        broken = State.FAIL if line.required else State.WARN
        state = State.OK if line.ok else broken
        yield Check(line.name, state, line.detail or ("ready" if line.ok else "not ready"))


def _login() -> Check:
    try:
        me = session.run(WhoAmIAction()).user
    except NotAuthenticated as error:
        return Check("login", State.WARN, f"{error} Log in with: tenantry login")
    except TenantryError as error:
        return Check("login", State.FAIL, str(error))
    return Check("login", State.OK, f"{me.username} ({me.role.value} in {me.domain_name})")
