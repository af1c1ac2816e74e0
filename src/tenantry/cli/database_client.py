"""Becomes psql or mysql with a login to a managed database; no argument holds the password."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tenantry.databases.login_actions import DatabaseLogin
from tenantry.databases.managed import DatabaseKind

_LEADS_ELSEWHERE = frozenset(
    {
        *("PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR", "PGOPTIONS", "PGPORT"),
        *("MYSQL_HOST", "MYSQL_TCP_PORT", "MYSQL_UNIX_PORT", "MYSQL_TEST_LOGIN_FILE"),
    }
)


def start_client(opened: DatabaseLogin, arguments: Sequence[str]) -> None:
    """Become the client; the password goes by its environment, which only this person can read."""
    is_postgresql = opened.kind is DatabaseKind.POSTGRESQL
    names = ("psql",) if is_postgresql else ("mariadb", "mysql")
    program = next((path for name in names if (path := shutil.which(name))), None)
    if program is None:
        raise click.UsageError(f"{' or '.join(names)} is not installed here.")
    said = _psql_said(opened) if is_postgresql else {"MYSQL_PWD": opened.password}
    place = [] if is_postgresql else _mysql_place(opened, Path(program).name)
    # What leads elsewhere by itself would send the password there.
    kept = {name: value for name, value in os.environ.items() if name not in _LEADS_ELSEWHERE}
    sys.stdout.flush()
    os.execve(program, [program, *place, *arguments], kept | said)  # noqa: S606 - their own client


def _psql_said(opened: DatabaseLogin) -> dict[str, str]:
    """All of it in the environment: a name in an argument could be taken for an address."""
    said = {
        "PGHOST": opened.host,
        "PGPORT": str(opened.port or ""),
        "PGUSER": opened.username,
        "PGPASSWORD": opened.password,
        "PGDATABASE": opened.remote_name,
        "PGSSLMODE": "require" if opened.tls else "",
    }
    return {name: value for name, value in said.items() if value}


def _mysql_place(opened: DatabaseLogin, program: str) -> list[str]:
    """Options that say where, with their values, so that no name is taken for an option.

    A password in the person's own files would come before the one in the environment, and a server
    there before none: they are not read, which has to be said first.
    """
    place = ["--no-defaults"]
    place += [f"-S{opened.host}" if opened.host.startswith("/") else f"-h{opened.host}"]
    if opened.port is not None:
        place.append(f"-P{opened.port}")
    if opened.tls:
        place.append("--ssl-mode=REQUIRED" if program == "mysql" else "--ssl")
    return [*place, f"-u{opened.username}", f"-D{opened.remote_name}"]
