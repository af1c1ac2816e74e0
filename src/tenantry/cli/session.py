"""How a command reaches its server: which one, with whose session, one action or many."""

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from tenantry.cli.invocation import current
from tenantry.cli.session_file import Session, SessionFile
from tenantry.errors import NotAuthenticated, StepUpRequired
from tenantry.kernel.action import Action

if TYPE_CHECKING:
    from tenantry.sdk.transport import Transport

ResultT = TypeVar("ResultT")

TIMEOUT = 30.0


def server() -> str:
    """The server's address: from the option, else as a client on this machine would find it."""
    from tenantry.config import get_connection_params
    from tenantry.sdk.address import checked_url, server_url

    chosen = current().server
    if chosen is not None:
        return checked_url(chosen)
    found = get_connection_params()
    return server_url(found.host, found.port)


def session_file() -> SessionFile:
    """Where this person's sessions are kept."""
    return SessionFile.of(os.environ)


def run(action: Action[ResultT]) -> ResultT:
    """The result of one action, as whoever is logged in."""
    return run_with(lambda transport: transport.run(action))


def run_with(work: "Callable[[Transport], Awaitable[ResultT]]") -> ResultT:
    """The outcome of work that runs many actions over the same connections."""
    address = server()
    session = session_file().get(address)
    if session is None:
        raise NotAuthenticated(f"You are not logged in to {address}.")
    try:
        result, token = _inside(address, session.token, work)
    except StepUpRequired:
        from tenantry.cli.step_up import prove_again

        if not prove_again(session.token):
            raise
        result, token = _inside(address, session.token, work)
    if token is not None and token != session.token:
        # What ends all sessions, such as a second factor, has begun a new one for who asked.
        session_file().put(address, Session(session.user, token))
    return result


def run_with_nobody(work: "Callable[[Transport], Awaitable[ResultT]]") -> ResultT:
    """The outcome of work that needs no login."""
    return _inside(server(), None, work)[0]


def run_as_nobody(action: Action[ResultT]) -> ResultT:
    """The result of an action that needs no login."""
    return run_with_nobody(lambda transport: transport.run(action))


def run_bearing(token: str, action: Action[ResultT]) -> ResultT:
    """The result of an action that a token is good for which nobody keeps."""
    return _inside(server(), token, lambda transport: transport.run(action))[0]


def _inside(
    address: str, token: str | None, work: "Callable[[Transport], Awaitable[ResultT]]"
) -> tuple[ResultT, str | None]:
    """The outcome, and the token that is good afterwards."""
    import anyio

    from tenantry.sdk.transport import HttpTransport

    async def begin() -> tuple[ResultT, str | None]:
        async with HttpTransport(address, token=token, timeout=TIMEOUT) as transport:
            return await work(transport), transport.token

    return anyio.run(begin)
