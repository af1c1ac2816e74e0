"""`tenantry password check`: whether a password could be set, without setting it."""

import sys

import click

from tenantry.cli import secret_input, session
from tenantry.cli.exits import INVALID
from tenantry.cli.invocation import Plain, current
from tenantry.password_policies.actions import CheckPasswordAction, PasswordChecked


@click.command(cls=Plain)
@click.option("--user", help="Username or id of the user whose password it would be.")
@click.option("--password-file", metavar="FILE", help="Read the password from a file; - is stdin.")
def check(user: str | None, password_file: str | None) -> None:
    """Compare a password with the policy; exits with 7 where it could not be set.

    The password is asked for. It is not stored, and not sent anywhere but to your server.
    """
    from tenantry.cli.output import say, show

    if password_file is not None:
        password = secret_input.read(password_file)
    else:
        password = secret_input.ask("password to compare", "--password-file")
    checked = session.run(CheckPasswordAction(password, user))
    if current().output not in (None, "table"):
        show(current(), checked, PasswordChecked)
    else:
        for violation in checked.violations:
            say(f"It {violation.message} ({violation.code}).")
        if checked.fits:
            say("It can be set.")
    if not checked.fits:
        sys.exit(INVALID)
