"""How a transport gets its session: password, second factor, and again when it has ended."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import anyio
import anyio.to_thread

from tenantry.auth.actions import (
    SECOND_FACTOR_REQUIRED,
    AuthenticateAction,
    AuthenticationResult,
    CompleteLoginAction,
)
from tenantry.errors import AuthenticationError, NotAuthenticated, TenantryError
from tenantry.kernel.action import Action

ResultT = TypeVar("ResultT")

TotpCode = str | Callable[[], str] | Callable[[], Awaitable[str]]
"""A code of the second factor, good for one login, or a function that is asked at each login."""

_CODE_NEEDED = (
    "The user has a second factor: give totp_code=, a fresh code or a function that returns one."
)


class Bearing(Protocol):
    """Runs an action for whoever bears a token, or for nobody in particular."""

    async def __call__(self, token: str | None, action: Action[ResultT]) -> ResultT: ...


class Login:
    """One login at a time, whose outcome all share who have waited for it.

    Without the sharing, 32 threads with a wrong password would count as 32 attempts and lock the
    account.
    """

    def __init__(
        self,
        run: Bearing,
        user: str | None,
        password: str,
        totp_code: TotpCode | None,
        token: str | None,
    ) -> None:
        self.user = user
        self.password = password
        self.token = token
        self.tries = 0
        self._run = run
        self._totp_code = totp_code
        self._refusal: TenantryError | None = None
        self._lock = anyio.Lock()

    async def renewed(self, seen: int) -> str:
        """A token newer than the one of try number ``seen``."""
        async with self._lock:
            if self.tries == seen:
                await self._try()
            if self.token is None:
                raise (self._refusal or NotAuthenticated()).with_traceback(None)
            return self.token

    async def _try(self) -> None:
        self.token = self._refusal = None
        try:
            self.token = await self._log_in()
        except TenantryError as refusal:
            self._refusal = refusal
        self.tries += 1

    async def _log_in(self) -> str:
        """The token of a new session. A code is asked for only once the password has fitted."""
        code = self._spend_code()
        answer = await self._run(
            None,
            AuthenticateAction(
                self.user or "", self.password, raise_on_failure=True, totp_code=code
            ),
        )
        if answer.error_code == SECOND_FACTOR_REQUIRED and callable(self._totp_code):
            answer = await self._completed(answer, await _asked(self._totp_code))
        if not answer.success or answer.session_token is None:
            required = answer.error_code == SECOND_FACTOR_REQUIRED
            raise AuthenticationError(_CODE_NEEDED if required else answer.error_message or "")
        return answer.session_token

    async def _completed(self, answer: AuthenticationResult, code: str) -> AuthenticationResult:
        return await self._run(answer.session_token, CompleteLoginAction(code))

    def _spend_code(self) -> str | None:
        """The code that was given as text, once: the server takes none twice."""
        if not isinstance(self._totp_code, str):
            return None
        code, self._totp_code = self._totp_code, None
        return code


async def _asked(source: Callable[[], Any]) -> str:  # Any: text, or an awaitable of it
    """The code from the function; a plain one may block (a prompt), so it gets a thread."""
    if inspect.iscoroutinefunction(source):
        return str(await source())
    given = await anyio.to_thread.run_sync(source, abandon_on_cancel=True)
    return str(await given) if inspect.isawaitable(given) else str(given)
