"""Proving again who one is, by command or where the server asks for it."""

import sys

import click

from tenantry.auth.actions import StepUpAction
from tenantry.cli import secret_input, session
from tenantry.cli.invocation import Plain


@click.command("step-up", cls=Plain)
@click.option("--password-file", metavar="FILE", help="Read the password from a file; - is stdin.")
@click.option("--code-file", metavar="FILE", help="Give a code of the second factor, from a file.")
def step_up(password_file: str | None, code_file: str | None) -> None:
    """Prove again who you are. What is sensitive needs a proof that is not long ago.

    At a terminal, commands ask for the password by themselves when it is needed.
    """
    from tenantry.cli.output import say

    if password_file and code_file:
        raise click.UsageError("Give a password or a code, not both.")
    if code_file:
        action = StepUpAction(totp_code=secret_input.read(code_file).strip())
    elif password_file:
        action = StepUpAction(password=secret_input.read(password_file))
    else:
        action = StepUpAction(password=secret_input.ask("password", "--password-file"))
    done = session.run(action)
    say(f"Proved; it counts until {done.fresh_until.astimezone():%H:%M}.")


def prove_again(token: str) -> bool:
    """Ask for the password where somebody can be asked, and step the session up with it."""
    if not sys.stdin.isatty():
        return False
    from tenantry.cli.output import note

    note("This needs a proof that it is you.")
    password = secret_input.ask("password", "--password-file")
    session.run_bearing(token, StepUpAction(password=password))
    return True
