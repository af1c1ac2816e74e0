"""The reference pages say what the code says."""

import re

import pytest

import tenantry
from tenantry.kernel.action import Action
from tenantry.routes import wire
from tenantry.sdk import AccountManager, AsyncClient, Client
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


def test_the_documented_methods_exist() -> None:
    section = PYTHON.partition("## AccountManager")[2].partition("## UserData")[0]
    for name in re.findall(r"(?m)^\| `(\w+)\(", section):
        assert hasattr(AccountManager, name), name
