"""MatrixOne as its documentation has it: what it refuses, and what it then has in its tables.

Only what the dialect says is understood; anything else is an error, as on a server.
"""

import re
from collections.abc import Iterator

from tenantry.adapters.databases.matrixone_connector import QUERIES
from tenantry.adapters.databases.mysql_inspection import Row

NAME = r"`((?:[^`]|``)+)`"
LEVELS = {
    "account": {"CONNECT", "MANAGE GRANTS"},
    "database": {
        "CREATE TABLE",
        "DROP TABLE",
        "ALTER TABLE",
        "CREATE VIEW",
        "DROP VIEW",
        "ALTER VIEW",
        "SHOW TABLES",
    },
    "table": {"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCE", "INDEX", "EXECUTE"},
}


class Refused(Exception):
    """The server does not do that."""


class BookServer:
    """Users, roles and rights of one account, changed by statements."""

    def __init__(self, database: str, *tables: str) -> None:
        self.database = database
        self.tables = set(tables)
        self.users: dict[str, str] = {"dump": "unlock"}
        self.default: dict[str, str] = {}
        self.roles = {"public", "accountadmin"}
        self.members: set[tuple[str, str]] = set()
        self.rights: set[tuple[str, str, str, str]] = {("public", "account", "*", "CONNECT")}
        self.said: list[str] = []

    def ask(self, sql: str, *values: object) -> list[Row]:
        known = {text: name for name, text in QUERIES.items()}
        if sql in known:
            return list(self._rows(known[sql]))
        if sql.startswith("select database()"):
            return [{"name": self.database, "executor": "admin@localhost", "version": "4"}]
        if sql.startswith("select version()"):
            return [{"executor": "admin@localhost", "version": "4"}]
        if sql == "show processlist":
            return []
        self.said.append(sql)
        self._run(sql)
        return []

    def may(self, user: str, word: str, table: str) -> bool:
        """By the user's default role alone, as no other is active, and what that inherits."""
        reached, fresh = set[str](), {self.default.get(user, "public")}
        while fresh:
            reached |= fresh
            fresh = {role for one, role in self.members if one in fresh} - reached
        places = {f"{self.database}.{table}", f"{self.database}.*"}
        return any(
            (role, "table", place, word) in self.rights for role in reached for place in places
        ) and any((role, "account", "*", "CONNECT") in self.rights for role in reached)

    def _rows(self, query: str) -> Iterator[Row]:
        if query == "users":
            yield from ({"name": name, "status": status} for name, status in self.users.items())
        elif query == "roles":
            yield from ({"name": name} for name in self.roles)
        elif query in ("members", "inherited"):
            for member, role in self.members:
                if (member in self.users) == (query == "members"):
                    yield {"member": member, "role": role}
        elif query == "tables":
            yield from ({"name": name} for name in self.tables)
        else:
            for role, kind, place, word in self.rights:
                yield self._right(role, kind, place, word)

    def _right(self, role: str, kind: str, place: str, word: str) -> Row:
        base, _, table = place.partition(".")
        one = kind == "table" and table != "*"
        return {
            "name": role,
            "obj_type": kind,
            "word": word.lower(),
            "level": "d.t" if one else "d.*" if kind == "table" else "d",
            "base": None if one or kind == "account" else base,
            "tab": table if one else None,
            "tab_base": base if one else None,
        }

    def _run(self, sql: str) -> None:
        for pattern, do in (
            (rf"CREATE ROLE {NAME}", self._create_role),
            (rf"CREATE USER {NAME} IDENTIFIED BY '(.+)' DEFAULT ROLE {NAME} LOCK", self._create),
            (rf"ALTER USER {NAME} (LOCK|UNLOCK)", self._lock),
            (rf"ALTER USER {NAME} IDENTIFIED BY '(?:[^']|'')+'", lambda name: self._user(name)),
            (rf"DROP (USER|ROLE) {NAME}", self._drop),
            (r"(GRANT|REVOKE) (.+) ON (ACCOUNT|DATABASE|TABLE) (.+) (?:TO|FROM) (.+)", self._give),
            (rf"(GRANT|REVOKE) {NAME} (?:TO|FROM) (.+)", self._join),
        ):
            found = re.fullmatch(pattern, sql)
            if found:
                do(*found.groups())
                return
        raise Refused(f"syntax: {sql}")

    def _free(self, name: str) -> str:
        if name in self.users or name in self.roles or not re.fullmatch(r"[^:#]+", name):
            raise Refused(f"the name {name} is taken or invalid")
        return name

    def _user(self, name: str) -> str:
        if name not in self.users:
            raise Refused(f"no user {name}")
        return name

    def _role(self, name: str) -> str:
        if name not in self.roles:
            raise Refused(f"no role {name}: rights are given to roles only")
        return name

    def _create_role(self, name: str) -> None:
        self.roles.add(self._free(name))

    def _create(self, name: str, password: str, role: str) -> None:
        self.default[self._free(name)] = self._role(role)
        self.users[name] = "forbid"

    def _lock(self, name: str, word: str) -> None:
        self.users[self._user(name)] = "forbid" if word == "LOCK" else "unlock"

    def _drop(self, what: str, name: str) -> None:
        if what == "USER":
            self.users.pop(self._user(name))
            self.default.pop(name, None)
        else:
            self.roles.remove(self._role(name))
            if name in self.default.values():
                raise Refused(f"somebody could not log in without {name}")
        self.members = {pair for pair in self.members if name not in pair}
        self.rights = {right for right in self.rights if right[0] != name}

    def _give(self, verb: str, words: str, what: str, place: str, roles: str) -> None:
        kind = what.lower()
        where = place.replace("`", "")
        if kind == "table" and where.split(".")[1] not in self.tables | {"*"}:
            raise Refused(f"no table {where}")
        for word in words.split(", "):
            if word not in LEVELS[kind]:
                raise Refused(f"{word} is no privilege on a {kind}")
            for role in re.findall(NAME, roles):
                right = (self._role(role), kind, where, word)
                if verb == "GRANT":
                    self.rights.add(right)
                else:
                    self.rights.discard(right)

    def _join(self, verb: str, role: str, members: str) -> None:
        for member in re.findall(NAME, members):
            if member not in self.users and member not in self.roles:
                raise Refused(f"nobody is called {member}")
            if verb == "GRANT":
                self.members.add((member, self._role(role)))
            else:
                self.members.discard((member, role))
