"""Give people who begin their accounts: a role by department, a database, an invitation.

    python examples/onboarding.py examples/newcomers.jsonl

Running it again does no harm: who is there already keeps account and password. The address of the
server and the administrator's password come from the environment, as for every client.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from tenantry import AccountManager, Client
from tenantry.errors import UserConflict

DATABASE = "company"
ROLES: Mapping[str, tuple[str, ...]] = {
    "developer": ("CREATE_TABLE", "ALTER_TABLE", "CREATE_INDEX"),
    "analyst": ("CREATE_VIEW",),
    "guest": ("CONNECT",),
}
BY_DEPARTMENT = {"Engineering": "developer", "Research": "analyst"}


def prepare(account: AccountManager) -> None:
    """Have the roles as they should be, whatever is there."""
    for name, permissions in ROLES.items():
        account.ensure_role(name, permissions=permissions, databases=[DATABASE])


def onboard(account: AccountManager, person: Mapping[str, str]) -> str | None:
    """Make the account with its rights; the token that sets the password, None for who was there.

    Role and grant come last, and both may be repeated: after a failure in between, run it again.
    """
    token = None
    try:
        token = account.invite_user(**person, mail=False).token
    except UserConflict as conflict:
        if conflict.field != "username":
            raise  # somebody else has the address
    role = BY_DEPARTMENT.get(person.get("department", ""), "guest")
    account.assign_role(person["username"], role)
    account.grant_database_access(person["username"], DATABASE, ["SELECT", "INSERT", "UPDATE"])
    return token


def read(path: Path) -> Iterator[dict[str, str]]:
    """The people of a file, one JSON object a line."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(description="Give newcomers their accounts.")
    parser.add_argument("people", type=Path, help="a file with one JSON object a line")
    parser.add_argument("--show-tokens", action="store_true", help="print who sets a password how")
    given = parser.parse_args()
    with Client() as client:
        account = client.account
        prepare(account)
        for person in read(given.people):
            token = onboard(account, person)
            roles = ", ".join(role.name for role in account.get_user_roles(person["username"]))
            print(f"{person['username']}: {roles}, {'invited' if token else 'was there'}")
            if token and given.show_tokens:
                print(f"  sets the password with {token}")


if __name__ == "__main__":
    main()
