"""What cannot be undone is done only after somebody has said yes."""

import sys

import click


def confirmed(question: str) -> None:
    """Go on with a yes only; a usage error where nobody is there to be asked."""
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        message = "There is no terminal to ask on, and nothing was changed; give --yes."
        raise click.UsageError(message) from None
    if not agreed:
        raise click.Abort
