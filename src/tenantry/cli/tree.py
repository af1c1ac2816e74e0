"""The tree of commands. Those that a binding names are derived; the others are imported when used.

`tenantry --help` must not load a database driver, an HTTP client or a web server.
"""

import importlib
from collections.abc import Mapping
from typing import Final, TypeVar

import click

from tenantry.cli.derive import command_of
from tenantry.cli.invocation import common_options
from tenantry.routes import ROUTES
from tenantry.wire import Binding

T = TypeVar("T")

# Where a human must be asked, a file is read or a server is run. "module:object".
HAND_WRITTEN: Final = {
    "serve": "serving:serve",
    "migrate": "serving:migrate",
    "login": "login:login",
    "logout": "login:logout",
    "whoami": "login:whoami",
    "password change": "login:password",
    "step-up": "step_up:step_up",
    "password check": "password_check:check",
    "doctor": "doctor:doctor",
    "version": "version:version",
    "user import": "importing:import_users",
    "user export": "exporting:export_users",
    "user purge": "purging:user",
    "vfolder purge": "purging:vfolder",
    "audit export": "auditing:export",
    "audit verify": "auditing:verify",
    "audit retention": "auditing:retention",
    "tenant delete": "tenants:delete",
    "tenant isolate": "tenants:isolate",
    "usage me": "usage:me",
    "usage user": "usage:user",
    "usage all": "usage:everybody",
}

_NOUNS: Final = {
    "user": "People and programs that can log in.",
    "access-key": "API credentials.",
    "agent": "Machines that run compute sessions.",
    "compute": "Compute sessions: workloads that run on agents.",
    "group": "Users inside a tenant.",
    "keypair-policy": "What an access key may use.",
    "session": "Logins: one's own, and those of users.",
    "resource-policy": "What a user may use.",
    "password": "Passwords: one's own, lost ones, and the rules for all.",
    "password policy": "What a tenant asks of passwords.",
    "tenant": "Customers, and the wall between them.",
    "usage": "What compute sessions came to in the last 30 days.",
    "vfolder": "Folders that users keep their data in.",
    "job": "Work outside the database that is promised, under way or stuck.",
    "audit": "Who did what, when and with which outcome.",
}


class Tree(click.Group):
    """A level of the tree: what follows on the words that led here."""

    def __init__(self, words: tuple[str, ...], **more: object) -> None:
        super().__init__(name=words[-1] if words else "tenantry", **more)  # type: ignore[arg-type]  # handed on to click
        self.params = [*self.params, *common_options()]
        self._words = words
        self._derived = _below(words, {r.command: r for r in ROUTES if r.command})
        self._written = _below(words, HAND_WRITTEN)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({path[0] for path in (*self._derived, *self._written)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        path = (cmd_name,)
        if path in self._written:
            return _imported(self._written[path])
        if path in self._derived:
            return command_of(Binding(self._derived[path]))
        if cmd_name in self.list_commands(ctx):
            words = (*self._words, cmd_name)
            return Tree(words, help=_NOUNS.get(" ".join(words)), no_args_is_help=True)
        return None


def root() -> click.Group:
    """The whole tree."""
    return Tree(
        (),
        help="The account system: users, logins and their audit.",
        epilog="Exit codes and all commands: docs/reference/cli.md",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _below(words: tuple[str, ...], table: Mapping[str, T]) -> dict[tuple[str, ...], T]:
    split = {tuple(command.split()): value for command, value in table.items()}
    start = len(words)
    return {path[start:]: value for path, value in split.items() if path[:start] == words}


def _imported(place: str) -> click.Command:
    module, name = place.split(":")
    command: click.Command = getattr(importlib.import_module(f"tenantry.cli.{module}"), name)
    return command
