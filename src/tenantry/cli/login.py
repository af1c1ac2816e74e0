"""`tenantry login`, `logout` and `whoami`."""

import click

from tenantry.auth.actions import AuthenticateAction, EndOwnSessionAction, WhoAmI, WhoAmIAction
from tenantry.cli import secret_input, session
from tenantry.cli.invocation import Plain, current
from tenantry.cli.session_file import Session
from tenantry.errors import AuthenticationError, NotAuthenticated
from tenantry.users.model import UserData


@click.command(cls=Plain)
@click.argument("user", required=False)
@click.option("--password-file", metavar="FILE", help="Read the password from a file; - is stdin.")
def login(user: str | None, password_file: str | None) -> None:
    """Log in and remember the session.

    Without USER it is who the environment (TENANTRY_USER, TENANTRY_PASSWORD) or the server's
    connection.json names: right after the first start of a server on this machine, its
    administrator. The password is otherwise asked for.
    """
    address = session.server()
    name, password = _credentials(address, user, password_file)
    answer = session.run_as_nobody(AuthenticateAction(name, password, raise_on_failure=True))
    if answer.session_token is None or answer.user is None:
        raise AuthenticationError(answer.error_message or "")
    kept = Session(answer.user.username, answer.session_token, answer.expires_at)
    session.session_file().put(address, kept)
    _welcome(address, answer.user)


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


def _credentials(address: str, user: str | None, password_file: str | None) -> tuple[str, str]:
    """Whom to log in as. A password that was found is sent only where it belongs."""
    from tenantry.config import get_connection_params
    from tenantry.sdk.transport import server_url

    found = get_connection_params()
    name = user or found.user
    if password_file is not None:
        return name, secret_input.read(password_file)
    is_theirs = address == server_url(found.host, found.port) and name == found.user
    if is_theirs and found.password:
        return name, found.password
    return name, secret_input.ask(f"password of {name}", "--password-file")


def _welcome(address: str, user: UserData) -> None:
    from tenantry.cli.output import note, say, show

    invocation = current()
    if invocation.output in (None, "table"):
        from tenantry.cli.safe import shown

        who = f"{shown(user.username)} ({user.role.value} in {shown(user.domain_name)})"
        say(f"Logged in to {address} as {who}.")
    else:
        show(invocation, user, UserData)
    if user.need_password_change:
        note("The password has to be changed: tenantry password")
