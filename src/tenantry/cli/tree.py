"""The tree of commands. Those that a binding names are derived; the others are imported when used.

`tenantry --help` must not load a database driver, an HTTP client or a web server.
"""

import importlib
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import click

from tenantry.cli.invocation import common_options

if TYPE_CHECKING:
    from tenantry.kernel.route import Route

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
    "database plan": "databases:plan",
    "database apply": "databases:apply",
    "database drift": "databases:drift",
    "database dump": "databases:dump",
    "database import": "database_import:import_proposed",
    "database login": "databases:login",
    "grant check-many": "granting:check_many",
    "grant effective": "granting:effective",
    "grant explain": "granting:explain",
    "grant what-if": "granting:what_if",
    "usage me": "usage:me",
    "usage user": "usage:user",
    "usage all": "usage:everybody",
}


ALONE: Final = {
    "serve": "Run the account server, with its own databases where none are named.",
    "migrate": "Bring the database up to date; `serve` does so by itself.",
    "login": "Log in and remember the session.",
    "logout": "End the session and forget it.",
    "whoami": "Show who is logged in, and where.",
    "step-up": "Prove again who you are.",
    "doctor": "Check this installation and its server.",
    "version": "Show the versions of Tenantry and of Python.",
}
"""The commands without a noun, as `tenantry --help` lists them before it has loaded any."""


class Noun(NamedTuple):
    """What a noun stands for, and the slices whose routes have commands on it."""

    help: str
    slices: tuple[str, ...] = ()


NOUNS: Final = {
    "user": Noun("People and programs that can log in.", ("users", "lockout", "resets")),
    "access-key": Noun("API credentials.", ("access_keys",)),
    "agent": Noun("Machines that run compute sessions.", ("compute",)),
    "compute": Noun("Compute sessions: workloads that run on agents.", ("compute",)),
    "grant": Noun("Privileges on databases: who holds them, and why.", ("grants",)),
    "group": Noun("Users inside a tenant.", ("groups",)),
    "keypair-policy": Noun("What an access key may use.", ("resources",)),
    "role": Noun("Named sets of privileges and permissions, and who holds them.", ("roles",)),
    "session": Noun("Logins: one's own, and those of users.", ("sessions",)),
    "second-factor": Noun("Codes of an authenticator app, and recovery codes.", ("second_factor",)),
    "resource-policy": Noun("What a user may use.", ("resources",)),
    "password": Noun(
        "Passwords: one's own, lost ones, and the rules for all.", ("password_policies", "resets")
    ),
    "password policy": Noun("What a tenant asks of passwords."),
    "tenant": Noun("Customers, and the wall between them.", ("tenants",)),
    "usage": Noun("What compute sessions came to in the last 30 days."),
    "vfolder": Noun("Folders that users keep their data in.", ("storage",)),
    "database": Noun("Databases whose servers enforce what is granted here.", ("databases",)),
    "job": Noun("Work outside the database that is promised, under way or stuck.", ("jobs",)),
    "audit": Noun("Who did what, when and with which outcome.", ("audit",)),
}
"""A command loads the routes of its noun only, so that help is there at once."""


class Tree(click.Group):
    """A level of the tree: what follows on the words that led here."""

    def __init__(self, words: tuple[str, ...], **more: object) -> None:
        super().__init__(name=words[-1] if words else "tenantry", **more)  # type: ignore[arg-type]  # handed on to click
        self.params = [*self.params, *common_options()]
        self._words = words
        self._written = _below(words, HAND_WRITTEN)

    @cached_property
    def _derived(self) -> "Mapping[tuple[str, ...], Route]":
        slices = NOUNS[self._words[0]].slices if self._words else ()
        modules = [importlib.import_module(f"tenantry.{slice}.routes") for slice in slices]
        routes = [route for module in modules for route in module.ROUTES]
        return _below(self._words, {route.command: route for route in routes if route.command})

    def list_commands(self, ctx: click.Context) -> list[str]:
        nouns = () if self._words else [(name,) for name in NOUNS if " " not in name]
        return sorted({path[0] for path in (*nouns, *self._derived, *self._written)})

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self._words:
            super().format_commands(ctx, formatter)
            return
        nouns = {name: noun.help for name, noun in NOUNS.items() if " " not in name}
        with formatter.section("Commands"):
            formatter.write_dl(sorted((nouns | ALONE).items()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        path = (cmd_name,)
        if path in self._written:
            return _imported(self._written[path])
        if path in self._derived:
            from tenantry.cli.derive import command_of
            from tenantry.wire import Binding

            return command_of(Binding(self._derived[path]))
        if cmd_name in self.list_commands(ctx):
            words = (*self._words, cmd_name)
            return Tree(words, help=NOUNS[" ".join(words)].help, no_args_is_help=True)
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
