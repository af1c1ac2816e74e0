"""`tenantry login`, `logout`, `whoami` and `password change`."""

import sys
from typing import TYPE_CHECKING

import click

from tenantry.auth.actions import (
    SECOND_FACTOR_REQUIRED,
    AuthenticateAction,
    AuthenticationResult,
    ChangeOwnPasswordAction,
    CompleteLoginAction,
    EndOwnSessionAction,
    WhoAmI,
    WhoAmIAction,
)
from tenantry.cli import secret_input, session
from tenantry.cli.invocation import Plain, current
from tenantry.cli.safe import shown
from tenantry.cli.session_file import Session
from tenantry.errors import AuthenticationError, InvalidCredentials, NotAuthenticated
from tenantry.users.model import UserData

if TYPE_CHECKING:
    from tenantry.config import ConnectionParams


@click.command(cls=Plain)
@click.argument("user", required=False)
@click.option("--password-file", metavar="FILE", help="Read the password from a file; - is stdin.")
@click.option("--code-file", metavar="FILE", help="Read the second factor's code from a file.")
def login(user: str | None, password_file: str | None, code_file: str | None) -> None:
    """Log in and remember the session.

    Without USER it is who the environment (TENANTRY_USER, TENANTRY_PASSWORD) or the server's
    connection.json names: right after the first start of a server on this machine, its
    administrator. The password is otherwise asked for, and so is the code where there is a
    second factor.
    """
    address = session.server()
    found = _found(address, user)
    if password_file is not None:
        answer = _authenticate(found.user, secret_input.read(password_file))
    elif found.password:
        answer = _try_found(found)
    else:
        answer = _authenticate(found.user, _asked_for(found.user))
    _welcome(address, _remember(address, _completed(answer, code_file)))


@click.command(cls=Plain)
@click.option("--current-password-file", metavar="FILE", help="Read it from a file; - is stdin.")
@click.option("--new-password-file", metavar="FILE", help="Read it from a file; - is stdin.")
def password(current_password_file: str | None, new_password_file: str | None) -> None:
    """Change your own password, with the current one as proof. Ends your other sessions."""
    from tenantry.cli.output import say

    files = (current_password_file, new_password_file)
    if files == ("-", "-"):
        raise click.UsageError("Only one thing can be read from standard input.")
    before = _secret("current password", "--current-password-file", files[0], twice=False)
    after = _secret("new password", "--new-password-file", files[1], twice=True)
    answer = session.run(ChangeOwnPasswordAction(before, after))
    user = _remember(session.server(), answer)
    say(f"The password of {shown(user.username)} is changed.")


@click.command(cls=Plain)
def logout() -> None:
    """End the session and forget it."""
    from tenantry.cli.output import say

    address = session.server()
    try:
        session.run(EndOwnSessionAction())
    except NotAuthenticated:
        say(f"There was no session with {address}.")
    else:
        say(f"Logged out of {address}.")
    session.session_file().remove(address)


@click.command(cls=Plain)
def whoami() -> None:
    """Show who is logged in, and where."""
    from tenantry.cli.output import note, show

    me = session.run(WhoAmIAction())
    invocation = current()
    if invocation.output == "json":
        show(invocation, me, WhoAmI)
        return
    show(invocation, me.user, UserData)
    if me.only is not None:
        note(f"This session can only: {', '.join(me.only)}")


def _found(address: str, user: str | None) -> "ConnectionParams":
    """Whom to log in as. A password that was found is sent only where it belongs."""
    from tenantry.config import get_connection_params
    from tenantry.sdk.address import server_url

    found = get_connection_params()
    is_theirs = address == server_url(found.host, found.port) and user in (None, found.user)
    return found if is_theirs else found._replace(user=user or found.user, password="")


def _try_found(found: "ConnectionParams") -> AuthenticationResult:
    """Log in with the password that was found; it may have been changed since it was written."""
    try:
        return _authenticate(found.user, found.password)
    except InvalidCredentials:
        if not sys.stdin.isatty():
            raise
        from tenantry.cli.output import note

        note(f"The password found for {found.user} (environment or connection.json) is refused.")
        return _authenticate(found.user, _asked_for(found.user))


def _asked_for(user: str) -> str:
    return secret_input.ask(f"password of {shown(user)}", "--password-file")


def _authenticate(user: str, password: str) -> AuthenticationResult:
    return session.run_as_nobody(AuthenticateAction(user, password, raise_on_failure=True))


def _completed(answer: AuthenticationResult, code_file: str | None) -> AuthenticationResult:
    """The login with its second step, where one is asked for."""
    if answer.error_code != SECOND_FACTOR_REQUIRED or answer.session_token is None:
        return answer
    code = _secret("code of the second factor", "--code-file", code_file, twice=False)
    return session.run_bearing(answer.session_token, CompleteLoginAction(code.strip()))


def _secret(what: str, option: str, file: str | None, *, twice: bool) -> str:
    return secret_input.read(file) if file else secret_input.ask(what, option, twice=twice)


def _remember(address: str, answer: AuthenticationResult) -> UserData:
    if answer.session_token is None or answer.user is None:
        raise AuthenticationError(answer.error_message or "")
    kept = Session(answer.user.username, answer.session_token, answer.expires_at)
    session.session_file().put(address, kept)
    return answer.user


def _welcome(address: str, user: UserData) -> None:
    from tenantry.cli.output import note, say, show

    invocation = current()
    if invocation.output in (None, "table"):
        who = f"{shown(user.username)} ({user.role.value} in {shown(user.domain_name)})"
        say(f"Logged in to {address} as {who}.")
    else:
        show(invocation, user, UserData)
    if user.need_password_change:
        note("The password has to be changed: tenantry password change")
