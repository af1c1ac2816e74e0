"""`tenantry version`."""

import sys

import click
import msgspec

from tenantry.cli.invocation import Plain, current


class Version(msgspec.Struct, frozen=True):
    """What a report of a fault should name."""

    tenantry: str
    python: str
    platform: str


@click.command(cls=Plain)
def version() -> None:
    """Show the versions of Tenantry and of Python."""
    import platform
    from importlib.metadata import version as version_of

    from tenantry.cli.output import show

    found = Version(version_of("tenantry"), platform.python_version(), sys.platform)
    show(current(), found, Version)
