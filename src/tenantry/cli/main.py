"""The entry of `tenantry`: runs a command and turns every failure into a sentence and a number."""

import os
import sys
from collections.abc import Sequence

import click

from tenantry.cli import safe
from tenantry.cli.exits import FAILED, INTERRUPTED, PIPE_CLOSED, exit_code
from tenantry.errors import InvalidInput, NotAuthenticated, TenantryError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code. Shows a traceback with ``--traceback`` only."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks must not end the command.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer would be complained about when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return code


def _run(given: list[str]) -> int:
    try:
        return _command(given)
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("\n")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        _explain_usage(error)
        return error.exit_code
    except Exception as error:  # the outermost face: nothing may show as a traceback
        if "--traceback" in given:
            raise
        return _explain(error)


def _command(given: list[str]) -> int:
    from tenantry.cli.invocation import Invocation
    from tenantry.cli.tree import root

    for position, argument in enumerate(given, 1):
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise click.UsageError(f"Argument {position} is not text in UTF-8.")
    tree = root()
    # Not click's own main(), which ends the process with 1 when nobody reads the output.
    with tree.make_context("tenantry", given, obj=Invocation()) as context:
        tree.invoke(context)
    return 0


def _explain_usage(error: click.ClickException) -> None:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    context = getattr(error, "ctx", None)
    if context is not None:
        _say(context.get_usage())
    _say(f"Error: {error.format_message()}")
    if context is not None:
        _say(f"Help: {context.command_path} --help")


def _explain(error: Exception) -> int:
    if isinstance(error, InvalidInput) and len(error.violations) > 1:
        _say("Error: the request was refused.")
        for violation in error.violations:
            _say(f"  {violation.field}: {violation.message}")
    elif isinstance(error, TenantryError):
        _say(f"Error: {error}")
    elif isinstance(error, OSError) and error.filename is not None:
        _say(f"Error: {os.fsdecode(error.filename)}: {error.strerror}.")
    else:
        _say(f"Error: {type(error).__name__}: {error}")
        _say("This is a fault of Tenantry. With --traceback the command shows where it arose.")
    if isinstance(error, NotAuthenticated):
        _say("Log in with: tenantry login")
    return exit_code(error) if isinstance(error, TenantryError) else FAILED


def _say(text: str) -> None:
    sys.stderr.write(safe.shown_lines(text) + "\n")
