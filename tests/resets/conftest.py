"""Asking for resets, having the mails sent, and reading them."""

import re
from collections.abc import Awaitable, Callable
from email.message import EmailMessage

import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction, AuthenticationResult
from tenantry.kernel.action import ANONYMOUS, Origin, acting_as
from tenantry.resets.actions import (
    PasswordWasReset,
    RequestPasswordResetAction,
    ResetPasswordAction,
    ResetRequested,
)
from tenantry.testing.mail import FakeMailer

NEW = "quite another passphrase"
HERE = Origin("http", "203.0.113.7")


def text_of(mail: EmailMessage) -> str:
    """What a person reads."""
    content: str = mail.get_content()
    return content


def token_in(mail: EmailMessage) -> str:
    """The token of the link in a mail."""
    found = re.search(r"/set-password#(\S+)", text_of(mail))
    assert found is not None
    return found[1]


@pytest.fixture
def ask(tenantry: App) -> Callable[..., Awaitable[ResetRequested]]:
    """Ask for a reset as somebody who is not logged in."""

    async def request(username: str, address: str | None = "203.0.113.7") -> ResetRequested:
        with acting_as(ANONYMOUS, Origin("http", address)):
            action = RequestPasswordResetAction(username)
            return await tenantry.resets.request.wait_for_complete(action)

    return request


@pytest.fixture
def deliver(tenantry: App, mailer: FakeMailer) -> Callable[[], Awaitable[list[EmailMessage]]]:
    """Have all mails sent that are due; all that there were so far."""

    async def send() -> list[EmailMessage]:
        worker = tenantry.mail_worker()
        while await worker.run_next():
            pass
        return mailer.sent

    return send


@pytest.fixture
def reset(tenantry: App) -> Callable[..., Awaitable[PasswordWasReset]]:
    """Set a password with a token, as somebody who is not logged in."""

    async def use(token: str, password: str = NEW, origin: Origin = HERE) -> PasswordWasReset:
        with acting_as(ANONYMOUS, origin):
            action = ResetPasswordAction(token, password)
            return await tenantry.resets.reset.wait_for_complete(action)

    return use


@pytest.fixture
def login(tenantry: App) -> Callable[[str, str], Awaitable[AuthenticationResult]]:
    """Log in, with the refusal as a result."""

    async def attempt(username: str, password: str) -> AuthenticationResult:
        with acting_as(ANONYMOUS, HERE):
            action = AuthenticateAction(username, password)
            return await tenantry.auth.authenticate.wait_for_complete(action)

    return attempt
