"""`tenantry database login --run` becomes the server's client, and tells nobody else its secret."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "Quiet-River_9"
PROGRAM = """#!{python}
import json, os, sys
print(json.dumps([sys.argv[1:], dict(os.environ)]))
"""
START = """
import json, sys
from datetime import UTC, datetime
from tenantry.cli.database_client import start_client
from tenantry.databases.login_actions import DatabaseLogin
from tenantry.databases.managed import DatabaseKind
said, arguments = json.load(sys.stdin)
kind = DatabaseKind(said.pop("kind"))
start_client(DatabaseLogin(kind=kind, valid_until=datetime.now(UTC), **said), arguments)
"""
LOGIN = {
    "database": "shop",
    "kind": "postgresql",
    "host": "db.example.org",
    "port": 5433,
    "tls": True,
    "remote_name": "host=evil.example.org dbname=x",
    "username": "tn_u1",
    "password": PASSWORD,
    "dsn": f"postgresql://tn_u1:{PASSWORD}@db.example.org:5433/x",
}


def started(
    folder: Path,
    client: str,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    **more: Any,
) -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment that the client was started with."""
    program = folder / client
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    ended = subprocess.run(
        [sys.executable, "-c", START],
        input=json.dumps([LOGIN | more, arguments]),
        env={**os.environ, **(environ or {}), "PATH": str(folder)},
        capture_output=True,
        check=True,
        text=True,
    )
    assert PASSWORD not in ended.stderr
    argv, environment = json.loads(ended.stdout)
    return argv, environment


def test_psql_gets_all_of_it_by_its_environment(tmp_path: Path) -> None:
    argv, environ = started(tmp_path, "psql", "-c", "select 1")
    assert argv == ["-c", "select 1"]
    said = {name: value for name, value in environ.items() if name.startswith("PG")}
    assert said == {
        "PGHOST": "db.example.org",
        "PGPORT": "5433",
        "PGUSER": "tn_u1",
        "PGPASSWORD": PASSWORD,
        "PGDATABASE": LOGIN["remote_name"],
        "PGSSLMODE": "require",
    }


def test_what_would_send_the_password_elsewhere_is_left_out(tmp_path: Path) -> None:
    elsewhere = {
        "PGSERVICE": "other",
        "PGSERVICEFILE": "/tmp/other",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "1",
    }
    _, environ = started(tmp_path, "psql", environ=elsewhere, port=None, tls=False)
    assert environ["PGHOST"] == "db.example.org"
    assert not elsewhere.keys() & environ.keys()
    elsewhere = {
        "MYSQL_HOST": "192.0.2.1",
        "MYSQL_TCP_PORT": "1",
        "MYSQL_UNIX_PORT": "/tmp/other",
        "MYSQL_TEST_LOGIN_FILE": "/tmp/other",
    }
    _, environ = started(tmp_path, "mariadb", environ=elsewhere, kind="mariadb", port=None)
    assert environ["MYSQL_PWD"] == PASSWORD
    assert not elsewhere.keys() & environ.keys()


@pytest.mark.parametrize(
    ("client", "tls"), [("mysql", "--ssl-mode=REQUIRED"), ("mariadb", "--ssl")]
)
def test_the_clients_of_the_mysql_family_get_the_password_by_their_environment(
    tmp_path: Path, client: str, tls: str
) -> None:
    argv, environ = started(tmp_path, client, "-e", "select 1", kind="mariadb", remote_name="-e x")
    assert environ["MYSQL_PWD"] == PASSWORD
    assert argv == [
        "--no-defaults",
        "-hdb.example.org",
        "-P5433",
        tls,
        "-utn_u1",
        "-D-e x",
        "-e",
        "select 1",
    ]
    assert PASSWORD not in " ".join(argv)


def test_a_socket_is_named_as_each_client_wants_it(tmp_path: Path) -> None:
    place: dict[str, Any] = {"host": "/run/db/mysqld.sock", "port": None, "tls": False}
    argv, _ = started(tmp_path, "mariadb", kind="mariadb", remote_name="shop", **place)
    assert argv == ["--no-defaults", "-S/run/db/mysqld.sock", "-utn_u1", "-Dshop"]
