"""The reference pages say what the code says."""

import inspect
import re

import pytest

import tenantry
from tenantry.audit.model import AuditEntry, FailedLogin
from tenantry.auth.actions import AuthenticationResult
from tenantry.grants.model import Revocation
from tenantry.kernel.action import Action
from tenantry.lockout.model import LockStatus
from tenantry.routes import wire
from tenantry.sdk import AccountManager, AsyncClient, Client
from tenantry.sessions.model import IssuedSession, SessionData
from tenantry.tenants.model import TenantData
from tests.docs.blocks import DOCS
from tests.docs.reference import COMMAND, FOLDER, PAGES, sentence_of

PYTHON = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_made_from_the_code_is_current(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), f"run: {COMMAND}"


def test_every_action_says_what_it_does() -> None:
    for binding in wire().bindings:
        sentence = sentence_of(binding.action)
        assert sentence != sentence_of(Action), binding.action.__name__
        assert re.fullmatch(r"[A-Z].{8,}\.", sentence), sentence


def test_every_public_name_is_documented() -> None:
    for name in tenantry.__all__:
        assert f"`tenantry.{name}`" in PYTHON


@pytest.mark.parametrize("kind", [AccountManager, AsyncClient, Client])
def test_every_public_method_of_the_client_is_documented(kind: type) -> None:
    linking = {"portal", "operations"}  # how a manager reaches its client
    for name in set(vars(kind)) - linking:
        if not name.startswith("_"):
            assert re.search(rf"`{name}[`(]", PYTHON), f"{kind.__name__}.{name}"


def test_the_documented_parameters_exist_and_no_method_is_told_twice() -> None:
    section = PYTHON.partition("## AccountManager")[2].partition("## UserData")[0]
    told: list[str] = []
    for line in section.splitlines():
        cell = line.partition("|")[2].partition(" | ")[0]
        for name, said in re.findall(r"`(\w+)\(([^`]*)\)`", cell):
            told.append(name)
            taken = inspect.signature(getattr(AccountManager, name)).parameters
            free = any(one.kind is one.VAR_KEYWORD for one in taken.values())
            for parameter in re.findall(r"(?:^|, )(\w+)", re.sub(r"\*+\w+", "", said)):
                assert free or parameter in taken, f"{name}: {parameter}"
    assert sorted(set(told)) == sorted(told)


def test_the_documented_answers_have_what_is_told() -> None:
    table = PYTHON.partition("| Answer | Attributes |")[2].partition("The first three names")[0]
    kinds = (
        *(AuthenticationResult, IssuedSession, SessionData, LockStatus),
        *(AuditEntry, FailedLogin, TenantData, Revocation),
    )
    for kind in kinds:
        row = next(line for line in table.splitlines() if line.startswith(f"| `{kind.__name__}`"))
        for name in re.findall(r"`(\w+)`", row)[1:]:
            assert name in kind.__struct_fields__ or hasattr(kind, name), f"{kind}: {name}"


def test_the_documented_methods_exist() -> None:
    section = PYTHON.partition("## AccountManager")[2].partition("## UserData")[0]
    for name in re.findall(r"(?m)^\| `(\w+)\(", section):
        assert hasattr(AccountManager, name), name
