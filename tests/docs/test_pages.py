"""The pages below docs/: every block is run, and what a page names must exist."""

import ast
import contextlib
import io
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from tenantry.app import App
from tenantry.cli.tree import root
from tenantry.config import read_connection
from tenantry.sdk import AsyncClient, Client
from tenantry.settings import CLIENT_ONLY, VARIABLES
from tenantry.testing.mariadb import EmbeddedMariaDB
from tenantry.users.model import UserData
from tests.connectors.programs import OTHERS
from tests.docs.blocks import (
    DOCS,
    PAGES,
    README,
    ROOT,
    Scenario,
    blocks_of,
    fits,
    is_walkthrough,
    scenarios_of,
)
from tests.docs.reader import run_pytest
from tests.docs.server import MARIADB_SOCKET, RunningServer

pytestmark = pytest.mark.anyio

WALKTHROUGHS = [page for page in PAGES if is_walkthrough(page) and page != README]
SCENARIOS = [scenario for page in PAGES for scenario in scenarios_of(page)]
CLIENT_SCENARIOS = [s for s in SCENARIOS if "client" in s.given]
ASYNC_CLIENT_SCENARIOS = [s for s in SCENARIOS if "async_client" in s.given]
PYTEST_SCENARIOS = [s for s in SCENARIOS if s.given == ("pytest",)]
APP_SCENARIOS = [s for s in SCENARIOS if not {"client", "async_client", "pytest"} & {*s.given}]
PYTHON_FILES = tuple(DOCS / "how-to" / f"{n}.md" for n in ("embed-in-your-code", "python-client"))

_TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SETTING = re.compile(r"TENANTRY_[A-Z][A-Z_]*[A-Z]")
_COMMAND = re.compile(r"`(tenantry [^`]+)`")
_MODULE = re.compile(r"`((?:tenantry|tests|src/tenantry)(?:/[a-z_0-9]+)+(?:\.py)?)")


# The one about managed databases is gone through on the oldest PostgreSQL that there is, too.
WALKS: list[tuple[Path, Path | None]] = [
    *((page, None) for page in WALKTHROUGHS),
    *((DOCS / "how-to" / "manage-a-database.md", programs) for programs in OTHERS[:1]),
]


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    """A connected client of a real server."""
    params = read_connection(server.folder / ".tenantry")
    with Client(*params) as client:
        yield client


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def walk_name(part: Path | None) -> str:
    return "ours" if part is None else str(part).removeprefix(f"{ROOT}/")


def scenario_name(scenario: Scenario) -> str:
    return scenario.name


@pytest.mark.parametrize(("page", "server"), WALKS, indirect=["server"], ids=walk_name)
def test_a_walkthrough_does_what_it_shows(
    page: Path, server: RunningServer, request: pytest.FixtureRequest
) -> None:
    if MARIADB_SOCKET in page.read_text(encoding="utf-8"):
        mariadb: EmbeddedMariaDB = request.getfixturevalue("mariadb")
        server = server.beside(mariadb.socket)
    in_scenarios = {block.line for scenario in scenarios_of(page) for block in scenario.blocks}
    for block in blocks_of(page):
        if block.is_run and block.line not in in_scenarios:
            server.run(block)


@pytest.mark.parametrize("scenario", APP_SCENARIOS, ids=scenario_name)
async def test_embedding_code_does_what_it_shows(
    scenario: Scenario, tenantry: App, john: UserData
) -> None:
    await _run(scenario, {"app": tenantry, "john": john})


@pytest.mark.parametrize("scenario", CLIENT_SCENARIOS, ids=scenario_name)
async def test_client_code_does_what_it_shows(scenario: Scenario, client: Client) -> None:
    await _run(scenario, {"client": client})


@pytest.mark.parametrize("scenario", ASYNC_CLIENT_SCENARIOS, ids=scenario_name)
async def test_awaiting_code_does_what_it_shows(scenario: Scenario, server: RunningServer) -> None:
    async with AsyncClient(*read_connection(server.folder / ".tenantry")) as client:
        await _run(scenario, {"async_client": client})


@pytest.mark.parametrize("scenario", PYTEST_SCENARIOS, ids=scenario_name)
def test_tests_on_a_page_pass(scenario: Scenario, tmp_path: Path) -> None:
    for block in scenario.blocks:
        name = block.text.partition("\n")[0].removeprefix("# ")
        assert name.endswith(".py"), f"{block.place} does not begin with the name of its file"
        with (tmp_path / name).open("a") as file:
            file.write(block.text)
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PYTHON_FILES, ids=named)
def test_a_program_on_a_page_does_what_it_shows(page: Path, server: RunningServer) -> None:
    in_scenarios = {block.line for scenario in scenarios_of(page) for block in scenario.blocks}
    for block in blocks_of(page):
        if block.language == "python" and block.is_run and block.line not in in_scenarios:
            server.run(block)


async def _run(scenario: Scenario, offered: Mapping[str, object]) -> None:
    """Run a scenario's blocks with shared names, and compare what each prints."""
    names: dict[str, Any] = {name: offered[name] for name in scenario.given}
    for block in scenario.blocks:
        code = compile(block.text, block.place, "exec", flags=_TOP_LEVEL_AWAIT, dont_inherit=True)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            waiting = eval(code, names)
            if waiting is not None:
                await waiting
        expected = block.expected or ""
        assert fits(expected, printed.getvalue()), f"{block.place} prints:\n{printed.getvalue()}"


def test_no_block_is_left_out() -> None:
    run = {(s.page, block.line) for s in SCENARIOS for block in s.blocks}
    for page in PAGES:
        walked = is_walkthrough(page) or page in PYTHON_FILES
        for block in blocks_of(page):
            if block.is_run:
                assert walked or (page, block.line) in run, f"{block.place} is in no scenario"


def test_a_block_that_is_not_run_says_why_and_still_parses() -> None:
    for page in PAGES:
        for block in blocks_of(page):
            if "not run" not in block.marks:
                continue
            assert len(block.marks["not run"]) > 8, block.place
            if block.language == "python":
                compile(block.text, block.place, "exec", flags=_TOP_LEVEL_AWAIT)
            if block.language == "sh":
                done = subprocess.run(["sh", "-n", "-c", block.text], check=False)
                assert done.returncode == 0, block.place


def _commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """The `tenantry ...` commands of a page, as words, each with its place."""
    for block in blocks_of(page):
        if block.language == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                if line.strip().startswith("tenantry "):
                    yield block.place, line.split("|")[0].split()
    for found in _COMMAND.findall(page.read_text(encoding="utf-8")):
        yield named(page), found.split()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_and_their_options_exist(page: Path) -> None:
    for place, words in _commands(page):
        command: click.Command = root()
        rest = words[1:]
        while isinstance(command, click.Group) and not rest[0].startswith("-"):
            name = rest.pop(0)
            below = command.get_command(click.Context(command), name)
            assert below is not None, f"{place}: there is no command {' '.join(words)}"
            command = below
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
        for word in rest[: rest.index("--")] if "--" in rest else rest:
            if word.startswith("--"):
                assert word.partition("=")[0] in known, f"{place}: {' '.join(words)}: no {word}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_make_targets_exist(page: Path) -> None:
    targets = re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"))
    said = re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8"))
    said += [
        line.split()[1]
        for block in blocks_of(page)
        for line in block.text.splitlines()
        if line.startswith("make ")
    ]
    assert set(said) <= set(targets)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_settings_exist(page: Path) -> None:
    plain = {v.variable for v in VARIABLES} | {f"TENANTRY_{name}" for name in CLIENT_ONLY}
    known = plain | {f"{name}_FILE" for name in plain}
    assert set(_SETTING.findall(page.read_text(encoding="utf-8"))) <= known


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(_prose(page)):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{named(page)}: {target}"
        assert place.is_relative_to(ROOT), f"{named(page)}: {target}"
        if anchor:
            assert anchor in _anchors(place), f"{named(page)}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_modules_that_are_named_exist(page: Path) -> None:
    for found in _MODULE.findall(_prose(page)):
        place = ROOT / "src" / found if found.startswith("tenantry/") else ROOT / found
        assert place.exists(), f"{named(page)}: {found}"


def test_every_page_is_in_the_index() -> None:
    index = DOCS / "README.md"
    listed = {(DOCS / target).resolve() for target in _LINK.findall(_prose(index))}
    missing = {named(page) for page in DOCS.rglob("*.md") if page != index and page not in listed}
    assert not missing


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("*.md")), ids=named)
def test_a_decision_has_its_four_parts_in_its_number(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"(?m)^## (.+)$", text)
    assert headings == ["Context", "Decision", "Consequences", "Alternatives"]
    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert len(text.splitlines()) <= 60


def _prose(page: Path) -> str:
    """A page without its blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"(?m)^#+ (.+)$", _prose(page))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def test_dots_stand_for_what_is_not_stable() -> None:
    assert fits("a ... c\n...\nz", "a b c\n1\n2\nz\n")
    assert fits("a\n...", "a\n")
    assert fits("a    b", "a  b\n")
    assert not fits("a\nb", "a\n")
    assert not fits("a ... c", "a b d\n")
