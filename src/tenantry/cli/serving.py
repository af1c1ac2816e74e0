"""`tenantry serve` and `tenantry migrate`: the commands that are the server themselves."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from tenantry.cli.invocation import Plain

if TYPE_CHECKING:
    from tenantry.settings import Settings


@click.command(cls=Plain)
@click.option("--host", help="Address to listen on; overrides TENANTRY_HOST.")
@click.option("--port", help="Port to listen on, 0 for any; overrides TENANTRY_PORT.")
@click.option("--data-dir", metavar="FOLDER", help="Data folder; overrides TENANTRY_DATA_DIR.")
def serve(host: str | None, port: str | None, data_dir: str | None) -> None:
    """Run the account server, with its own databases where none are named.

    Everything else is set by TENANTRY_* variables: docs/reference/settings.md.
    """
    settings = _settings({"HOST": host, "PORT": port, "DATA_DIR": data_dir})

    from tenantry.http.serve import run_server

    run_server(settings)


@click.command(cls=Plain)
@click.option("--data-dir", metavar="FOLDER", help="Data folder; overrides TENANTRY_DATA_DIR.")
def migrate(data_dir: str | None) -> None:
    """Bring the database up to date; `serve` does so by itself."""
    settings = _settings({"DATA_DIR": data_dir})

    import anyio

    from tenantry.cli.output import say
    from tenantry.foundation import migrate as migrate_database

    revision = anyio.run(migrate_database, settings)
    say(f"The database is at revision {revision}.")


def _settings(options: Mapping[str, str | None]) -> "Settings":
    from tenantry.environment import PREFIX
    from tenantry.settings import Settings

    environ = dict(os.environ)
    for name, value in options.items():
        if value is not None:
            environ.pop(f"{PREFIX}{name}_FILE", None)
            environ[PREFIX + name] = value
    return Settings.from_environment(environ)
