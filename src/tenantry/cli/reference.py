"""`docs/reference/cli.md`, written from the tree of commands: python -m tenantry.cli.reference."""

import sys
from collections.abc import Iterator

import click

from tenantry.cli.exits import MEANINGS
from tenantry.cli.tree import root

_INTRODUCTION = """\
# Commands

This page is made from the commands themselves by `python -m tenantry.cli.reference`; a test
compares the two.

The server is `--server`, or else what `TENANTRY_HOST` and `TENANTRY_PORT` or the `connection.json`
in `TENANTRY_DATA_DIR` (by default `.tenantry` in the current folder) say. `tenantry login` keeps a
session for it in `~/.config/tenantry/session.json` (below `XDG_CONFIG_HOME` where that is set),
which only you can read. Passwords are asked for or read from a file; none is ever an argument.

Results are a table: drawn on a terminal, plain and never cut where the output goes elsewhere. For
programs there are `--output json`, `csv` (a header, and cells that a spreadsheet would take for a
formula begin with `'`) and `ndjson` (one JSON object a line). Control and direction characters in
values are shown escaped. Times are local in tables and UTC everywhere else. Notes, progress and
errors go to standard error.

## Options of every command
"""


def reference() -> str:
    """The page."""
    tree = root()
    context = click.Context(tree, info_name="tenantry")
    common = [o for o in tree.get_params(context) if isinstance(o, click.Option)]
    parts = [_INTRODUCTION, *_option_lines(context, common), "", "## Exit codes", ""]
    parts += ["| code | meaning |", "|---|---|"]
    parts += [f"| {code} | {meaning} |" for code, meaning in MEANINGS.items()]
    known = {option.name for option in common}
    for command in _leaves(tree, context):
        parts += ["", *_section(command, known)]
    return "\n".join(parts) + "\n"


def _leaves(group: click.Group, context: click.Context) -> Iterator[click.Context]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        inner = click.Context(command, parent=context, info_name=name)
        if isinstance(command, click.Group):
            yield from _leaves(command, inner)
        else:
            yield inner


def _section(context: click.Context, known: set[str]) -> Iterator[str]:
    command = context.command
    yield f"## {context.command_path}"
    yield ""
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"    {context.command_path} {usage}"
    yield ""
    yield _paragraphs(command.help or "")
    options = [p for p in command.params if isinstance(p, click.Option) and p.name not in known]
    if options:
        yield ""
        yield from _option_lines(context, options)


def _option_lines(context: click.Context, options: list[click.Option]) -> Iterator[str]:
    for option in options:
        record = option.get_help_record(context)
        if record is not None:
            described = f": {record[1]}" if record[1] else ""
            yield f"- `{record[0]}`{described}"


def _paragraphs(text: str) -> str:
    """The help without its indentation."""
    return "\n".join(line.strip() for line in text.strip().splitlines())


if __name__ == "__main__":
    sys.stdout.write(reference())
