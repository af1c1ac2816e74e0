"""The kinds of login that are refused, each with people to try it on, and a way to ask."""

from collections.abc import Awaitable, Callable

import httpx2

from tenantry.app import App
from tenantry.http.server import create_asgi
from tenantry.lockout.actions import LockAccountAction
from tenantry.passwords.policy import MAX_BYTES
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import DeleteUserAction
from tenantry.users.model import UserStatus

WRONG = "not the passphrase"
PROXY = "192.0.2.1"
"""Each sample comes from an address of its own, which this proxy tells."""
EACH = 3
"""How many people of each kind there are."""


async def _locked(app: App, name: str) -> None:
    await make_user(app, name)
    action = LockAccountAction(user=name, reason="odd", duration_minutes=30)
    await app.locks.lock_account.wait_for_complete(action)


async def _disabled(app: App, name: str) -> None:
    await make_user(app, name, status=UserStatus.INACTIVE)


async def _deleted(app: App, name: str) -> None:
    await make_user(app, name)
    await app.users.delete_user.wait_for_complete(DeleteUserAction(user=name))


async def _elsewhere(app: App, name: str) -> None:
    await make_user(app, name, allowed_client_ip=["10.0.0.0/8"])


async def _without(app: App, name: str) -> None:
    await make_user(app, name, password=None)


async def _there(app: App, name: str) -> None:
    await make_user(app, name)


async def _nobody(app: App, name: str) -> None:
    return None


KINDS: dict[str, tuple[Callable[[App, str], Awaitable[None]], str]] = {
    "unknown": (_nobody, PASSWORD),
    "wrong": (_there, WRONG),
    "locked": (_locked, PASSWORD),
    "disabled": (_disabled, PASSWORD),
    "deleted": (_deleted, PASSWORD),
    "elsewhere": (_elsewhere, PASSWORD),
    "without a password": (_without, PASSWORD),
    "empty": (_there, ""),
    "empty of nobody": (_nobody, ""),
    "oversize": (_there, "x" * (MAX_BYTES + 1)),
    "oversize of nobody": (_nobody, "x" * (MAX_BYTES + 1)),
}


def client_behind_the_proxy(app: App) -> httpx2.AsyncClient:
    """Asks the app over HTTP, without a network."""
    transport = httpx2.ASGITransport(create_asgi(app), client=(PROXY, 5000))
    return httpx2.AsyncClient(transport=transport, base_url="http://tenantry")


async def prepared(app: App, http: httpx2.AsyncClient, kind: str) -> list[str]:
    """The names of some of a kind, each of whom has been asked for once.

    The audit makes a key a month for each person it tells of, which is not the work looked at.
    """
    names = [f"{kind.replace(' ', '-')}-{i}" for i in range(EACH)]
    for name in names:
        await KINDS[kind][0](app, name)
        await ask(http, name, WRONG, "198.51.100.9")
    return names


async def ask(
    http: httpx2.AsyncClient, name: str, password: str, address: str = "203.0.113.7"
) -> httpx2.Response:
    body = {"username": name, "password": password}
    return await http.post("/api/v1/login", json=body, headers={"X-Forwarded-For": address})


def address_of(number: int) -> str:
    """An address of its own for each sample."""
    return f"203.0.{number // 200}.{number % 200}"
