"""Whatever writes to a table that decides on access notes the change in the same breath."""

import ast
import inspect
import re
from functools import cache
from types import ModuleType

from tenantry.kernel.transaction import Statement
from tenantry.users.queries import CHANGEABLE, DECIDING, update_statement
from tests.architecture.test_statements import declared

TABLES = (
    "users",
    "tenants",
    "tenant_databases",
    "sessions",
    "roles",
    "role_members",
    "role_parents",
    "grants",
    "password_policies",
)
"""The tables from which it follows what somebody may do, or whose session still holds."""

WRITES = re.compile(
    rf"\b(insert\s+into|update|delete\s+from)\s+(only\s+)?(public\.)?({'|'.join(TABLES)})\b"
)

DECIDES_NOTHING = {
    "users.insert": "nobody can have kept anything of a user who was not there",
    "users.insert_many": "likewise",
    "users.logged_in": "when somebody was here last is no right; a login must cost nothing more",
    "tenants.insert": "likewise, of a tenant",
    "bootstrap.add_tenant": "likewise",
    "sessions.insert": "likewise, of a session; the function notes those that make room",
    "sessions.touch": "that a session is in use; each process reckons with its own uses, too",
    "sessions.touch_many": "likewise",
    "sessions.proved": "that somebody is fresh is never kept",
    "sessions.take_awaiting": "a session that awaits a factor is never kept",
    "tenants.end_sessions": "goes with the status of the tenant, which is noted",
    "password_policies.prepare": "a row of defaults, to be locked",
}


def writing(modules: list[ModuleType]) -> dict[str, Statement]:
    """The statements that write to such a table, by name."""
    found = [*declared(modules), update_statement(["full_name"], end_sessions=False)]
    return {s.name: s for s in found if WRITES.search(s.sql.casefold())}


@cache
def functions(module: ModuleType) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]:
    nodes = ast.walk(ast.parse(inspect.getsource(module)))
    return tuple(n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def names_of(module: ModuleType, statements: dict[str, Statement]) -> dict[str, set[str]]:
    """What this module calls them: a global or attribute, and the statements' names."""
    known: dict[str, set[str]] = {}
    others = [v for v in vars(module).values() if isinstance(v, ModuleType)]
    for place in [module, *(other for other in others if other.__name__.startswith("tenantry."))]:
        for name, value in vars(place).items():
            inside = value.values() if isinstance(value, dict) else [value]
            of_ours = {one.name for one in inside if isinstance(one, Statement)} & statements.keys()
            if of_ours:
                known[name] = of_ours
    return known


def mentioned(function: ast.AST) -> set[str]:
    return {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Name | ast.Attribute)
    }


def notes(function: ast.AST) -> bool:
    """Whether it calls ``ChangeLog.note`` or that of a log it was given; ``tx.note`` is no such."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            whose = ast.unparse(node.func.value)
            if node.func.attr == "note" and whose in ("ChangeLog", "self._changes", "changes"):
                return True
    return False


Function = ast.FunctionDef | ast.AsyncFunctionDef


def slice_of(module: ModuleType) -> str:
    return ".".join(module.__name__.split(".")[:2])


class Code:
    """All functions of the package, by slice, and whether each notes what it does."""

    def __init__(self, modules: list[ModuleType]) -> None:
        self._of: dict[str, list[Function]] = {}
        for module in modules:
            self._of.setdefault(slice_of(module), []).extend(functions(module))

    def notes(self, function: Function, where: str, depth: int = 3) -> bool:
        """Whether it does, itself or by a helper, or else whoever calls it in its slice does."""
        helpers = {name for name in called_in(function) if name.startswith("_")}
        if notes(function) or any(notes(f) for f in self._of[where] if f.name in helpers):
            return True
        if not depth:
            return False
        callers = [
            other
            for other in self._of[where]
            if other is not function and function.name in called_in(other)
        ]
        return bool(callers) and all(self.notes(one, where, depth - 1) for one in callers)


def called_in(function: ast.AST) -> set[str]:
    return {
        node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
    }


def unnoted(modules: list[ModuleType], statements: dict[str, Statement]) -> set[str]:
    """The statements that are run somewhere without a note, or nowhere that can be found."""
    code = Code(modules)
    run: dict[str, list[bool]] = {name: [] for name in statements}
    for module in modules:
        known = names_of(module, statements)
        for function in functions(module) if known else ():
            for called in mentioned(function) & known.keys():
                for name in known[called]:
                    run[name].append(code.notes(function, slice_of(module)))
    return {name for name, noting in run.items() if not noting or not all(noting)}


def test_every_write_to_what_decides_is_noted(modules: list[ModuleType]) -> None:
    statements = writing(modules)
    silent = unnoted(modules, statements) - {"users.update"}
    assert silent <= DECIDES_NOTHING.keys(), "note the change, or say here why it decides nothing"
    assert DECIDES_NOTHING.keys() <= statements.keys(), "there are no such statements any more"


def test_a_write_without_a_note_is_found(modules: list[ModuleType]) -> None:
    statements = writing(modules)
    assert {"locks.put", "sessions.end", "tenants.set_status"} <= statements.keys()
    assert not {"locks.put", "sessions.end", "tenants.set_status"} & unnoted(modules, statements)
    assert {"users.logged_in", "sessions.touch"} <= unnoted(modules, statements)


def test_of_a_user_all_columns_decide_but_those_that_describe() -> None:
    descriptions = set(
        "username_key email email_key search_text full_name description department phone "
        "attributes status_info resource_policy sudo_session_enabled container_uid "
        "container_main_gid container_gids integration_name modified_at password_changed_at "
        "deleted_at lock_reason locked_by".split()
    )
    assert CHANGEABLE - descriptions == DECIDING
