import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tenantry.cli.derive import command_of, shape_of
from tenantry.cli.main import main
from tenantry.cli.reference import reference
from tenantry.cli.tree import ALONE, HAND_WRITTEN, root
from tenantry.resources.model import KeypairPolicy
from tenantry.routes import ROUTES, wire

from .conftest import Command

ROOT = Path(__file__).parents[2]
HEAVY = {"asyncpg", "httpx2", "rich", "alembic", "starlette", "uvicorn", "asyncio", "ssl"}


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> list[str]:
    context = click.Context(group)
    found: list[str] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = (*path, name)
        found += leaves(command, inner) if isinstance(command, click.Group) else [" ".join(inner)]
    return found


def test_every_route_with_a_command_is_in_the_tree_and_so_is_every_hand_written_one() -> None:
    expected = {route.command for route in ROUTES if route.command} | set(HAND_WRITTEN)
    assert set(leaves(root())) == expected


def commands() -> Iterator[tuple[str, click.Command]]:
    for words in leaves(root()):
        command: click.Command = root()
        for word in words.split():
            assert isinstance(command, click.Group)
            found = command.get_command(click.Context(command), word)
            assert found is not None
            command = found
        yield words, command


def test_every_command_has_a_line_of_help() -> None:
    assert [words for words, command in commands() if not command.get_short_help_str()] == []


def test_every_option_says_what_it_is_or_what_there_is_to_choose_from() -> None:
    silent = [
        f"{words} {option.opts[0]}"
        for words, command in commands()
        for option in command.params
        if isinstance(option, click.Option)
        and not option.help
        and not isinstance(option.type, click.Choice)
    ]
    assert silent == []


def test_a_default_is_shown_as_it_is_typed_and_after_a_whole_sentence() -> None:
    options = {
        f"{words} {option.opts[0]}": option.help or ""
        for words, command in commands()
        for option in command.params
        if isinstance(option, click.Option)
    }
    assert options["user invite --mail"].endswith("shown to you. Default: --mail.")
    assert options["grant check --consistency"].endswith("of this moment. Default: bounded.")
    assert options["audit failed-logins --hours"].endswith("look back. Default: 24.")
    assert "Default" not in options["role create --description"]


def test_the_list_of_all_says_of_each_command_what_the_command_says() -> None:
    tree = root()
    context = click.Context(tree)
    alone = {}
    for name in tree.list_commands(context):
        command = tree.get_command(context, name)
        if not isinstance(command, click.Group):
            assert command is not None
            alone[name] = command.get_short_help_str(1000)
    assert {name: text.removesuffix(".") for name, text in ALONE.items()} == {
        name: text.removesuffix(".") for name, text in alone.items()
    }


def test_no_secret_is_an_argument() -> None:
    for binding in wire().bindings:
        secrets = {field.name for field in binding.fields if field.secret}
        if binding.route.command:
            takers = {p.name for p in command_of(binding).params if p.name in secrets}
            assert takers == set()


def test_the_reference_is_the_commands() -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert page == reference(), "run: python -m tenantry.cli.reference > docs/reference/cli.md"


@pytest.mark.parametrize("words", [["--help"], ["user", "--help"], ["user", "create", "-h"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    probe = (
        "import sys; from tenantry.cli.main import main; code = main(sys.argv[1:]);"
        f"print(sorted({HEAVY!r} & set(sys.modules)), code, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *words], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[] 0\n"
    assert "Usage: tenantry" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["user"],
        ["user", "get"],
        ["user", "get", "a", "b"],
        ["user", "list", "--limit", "many"],
        ["user", "create", "x", "--role", "king"],
        ["user", "create", "x", "--attributes", "novalue"],
        ["audit", "search", "--since", "yesterday"],
        ["user", "modify", "x", "--email", "a@b.org", "--clear", "email"],
        ["user", "import", "missing.csv"],
        ["password", "change", "--new-password-file", "-", "--current-password-file", "-"],
        ["user", "list", "--output", "xml"],
    ],
)
def test_a_wrong_command_is_a_usage_error(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err
    assert "Traceback" not in captured.err


def test_common_options_stand_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--output", "json", "version"]) == 0
    before = capsys.readouterr().out
    assert main(["version", "--output", "json"]) == 0
    assert capsys.readouterr().out == before
    assert before.startswith("{")


def test_what_nobody_foresaw_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*words: object) -> None:
        raise ZeroDivisionError("by zero\x1b[2J")

    monkeypatch.setattr("tenantry.cli.output.show", broken)
    assert main(["version"]) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError: by zero\\x1b[2J" in said
    assert "--traceback" in said
    with pytest.raises(ZeroDivisionError):
        main(["version", "--traceback"])


def test_arguments_that_are_no_utf_8_are_refused(offline: Command) -> None:
    done = subprocess.run(
        [sys.executable.encode(), b"-m", b"tenantry.cli", b"user", b"get", b"\xff\xfe"],
        capture_output=True,
        env=offline.environ,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Argument 3 is not text in UTF-8" in done.stderr


def test_a_reader_who_leaves_is_no_error(offline: Command) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tenantry.cli", "user", "create", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=offline.environ,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(20), said) == (141, b"")


def test_a_terminal_without_umlauts_is_no_error(offline: Command) -> None:
    ascii_only = offline.with_environment(PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    done = ascii_only("user", "get", "Jürgen")
    assert done.code == 3


def test_settings_that_are_wrong_stop_the_server_with_a_sentence(offline: Command) -> None:
    done = offline.with_environment(TENANTRY_POTR="1")("serve")
    assert done.code == 1
    assert "TENANTRY_POTR" in done.err
    assert offline("serve", "--port", "http").code == 1
    assert offline("migrate", "--data-dir", "~/x").code == 1


def test_ctrl_c_at_a_prompt_is_130_and_nothing_typed_shows(offline: Command) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        # Whoever runs the tests in the background has it ignored, which is inherited.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        arguments = [sys.executable, "-m", "tenantry.cli", "login", "root"]
        os.execve(sys.executable, arguments, offline.environ)
    shown = _until(terminal, b"assword of root")
    os.write(terminal, b"hunter2")
    time.sleep(0.2)
    os.kill(pid, signal.SIGINT)
    shown += _rest(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert b"hunter2" not in shown
    assert b"Traceback" not in shown


def _until(terminal: int, expected: bytes) -> bytes:
    shown = b""
    while expected not in shown:
        shown += os.read(terminal, 1024)
    return shown


def _rest(terminal: int) -> bytes:
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 1024)
        except OSError:  # the other end is closed
            os.close(terminal)
            return shown
        if not piece:
            os.close(terminal)
            return shown
        shown += piece


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (
            "local=create-vfolder;mount-in-session",
            ("local", ["create-vfolder", "mount-in-session"]),
        ),
        ("local=create-vfolder", ("local", ["create-vfolder"])),
        ("local=", ("local", [])),
    ],
)
def test_a_map_of_lists_is_given_with_semicolons(said: str, meant: tuple[str, list[str]]) -> None:
    kind = shape_of(KeypairPolicy.__annotations__["allowed_vfolder_hosts"]).kind
    assert kind is not None
    assert kind.convert(said, None, None) == meant
