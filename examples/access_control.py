"""Ask before something is done: roles that inherit, a check, and the reason of a refusal.

    python examples/access_control.py rosa SELECT --database company --table orders

Exits with 1 where the answer is no. The first run makes the roles; give them to people with
``tenantry role assign``.
"""

import argparse
import functools
import sys
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from tenantry import AccountManager, Client
from tenantry.errors import PermissionError, UserNotFound

P = ParamSpec("P")
T = TypeVar("T")

# Each role has its own permissions, and those of the role that it builds on.
ROLES: Mapping[str, tuple[tuple[str, ...], str | None]] = {
    "reader": (("SELECT",), None),
    "writer": (("INSERT", "UPDATE", "DELETE"), "reader"),
    "designer": (("CREATE_TABLE", "ALTER_TABLE", "DROP_TABLE"), "writer"),
}


class AccessControl:
    """Decides for a program what its own users may do; the decision is the server's."""

    def __init__(self, account: AccountManager) -> None:
        self._account = account

    def prepare(self) -> None:
        """Have the roles, each with the one below it."""
        for name, (permissions, below) in ROLES.items():
            self._account.ensure_role(name, permissions=permissions)
            if below is not None:
                self._account.grant_role(below, name)

    def allows(self, username: str, action: str, database: str, table: str | None = None) -> bool:
        """Whether a user may do this; no for whoever is unknown, locked or away."""
        return self._account.has_permission(username, database, table, action)

    def requires(
        self, action: str, database: str, table: str | None = None
    ) -> Callable[[Callable[P, T]], Callable[P, T]]:
        """Guard a function whose first argument is who asks; PermissionError for who may not."""

        def guard(function: Callable[P, T]) -> Callable[P, T]:
            @functools.wraps(function)
            def call(*args: P.args, **kwargs: P.kwargs) -> T:
                username = str(args[0])
                if not self.allows(username, action, database, table):
                    raise PermissionError(f"{username} may not {action} on {table or database}.")
                return function(*args, **kwargs)

            return call

        return guard

    def reason(self, username: str, action: str, database: str, table: str | None = None) -> str:
        """Why the answer is as it is, in a line."""
        try:
            told = self._account.explain_permission(username, database, table, action)
        except UserNotFound:
            return "no: unknown"
        if told.allowed:
            ways = [" < ".join(path.roles) or "a grant of their own" for path in told.paths]
            return f"yes, by {' and by '.join(ways)}"
        if told.remedy is None:
            return f"no: {told.reason}"
        enough = [told.remedy.grant.label(), *(f"the role {name}" for name in told.remedy.roles)]
        return f"no: {told.reason}; enough would be {' or '.join(enough)}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask whether somebody may do something.")
    parser.add_argument("username")
    parser.add_argument("action", help="such as SELECT")
    parser.add_argument("--database", required=True)
    parser.add_argument("--table")
    given = parser.parse_args()
    with Client() as client:
        control = AccessControl(client.account)
        control.prepare()

        @control.requires(given.action, given.database, given.table)
        def work(username: str) -> None:
            print(f"{username} goes ahead")

        try:
            work(given.username)
        except PermissionError as refused:
            print(refused)
        asked = (given.username, given.action, given.database, given.table)
        print(control.reason(*asked))
        return 0 if control.allows(*asked) else 1


if __name__ == "__main__":
    sys.exit(main())
