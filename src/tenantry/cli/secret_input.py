"""Secrets come from a prompt or a file, never from the arguments, which everybody can list."""

import sys
from pathlib import Path

import click


def ask(what: str, option: str, *, twice: bool = False) -> str:
    """Ask for a secret without showing it; a usage error where nobody can be asked."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"There is no terminal to ask for the {what} on; give {option}.")
    answer: str = click.prompt(
        what.capitalize(), hide_input=True, confirmation_prompt=twice, err=True
    )
    return answer


def read(source: str) -> str:
    """The secret in a file (``-``: standard input); one newline at its end is not part of it."""
    content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError(f"{source} is not text in UTF-8.") from None
    return text.removesuffix("\n").removesuffix("\r")
