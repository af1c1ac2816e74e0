"""The account manager's operations on logins and sessions, in asynchronous form."""

from tenantry.auth.actions import AuthenticateAction, AuthenticationResult, StepUpAction
from tenantry.errors import ConnectionError, InvalidCredentials, NoVerdict
from tenantry.sdk.operations import Operations
from tenantry.sdk.pages import PAGE_SIZE, AsyncPages
from tenantry.sessions.actions import (
    CreateSessionAction,
    EndSessionAction,
    EndSessionsAction,
    ListSessionsAction,
    RefreshSessionAction,
    TerminateSessionAction,
    ValidateSessionAction,
)
from tenantry.sessions.model import IssuedSession, SessionData, SessionToken


class SessionOperations(Operations):
    """What an account manager can do about logging in."""

    async def authenticate(
        self,
        username: str,
        password: str,
        ip_address: str | None = None,
        user_agent: str | None = None,
        *,
        totp_code: str | None = None,
        raise_on_failure: bool = False,
    ) -> AuthenticationResult:
        """Find out whether somebody is who they say; a success opens a session of theirs.

        A refusal is returned, with ``success`` False and the same words whatever the reason, or
        raised as InvalidCredentials. Any other AuthenticationError means that there was no
        verdict, as when the server is out of reach (NoVerdict), and may be retried.
        ``error_code`` is ``second_factor_required`` where the password fits and ``totp_code`` is
        missing. ``ip_address`` and ``user_agent`` say where the person sits; they count where
        this client is an administrator's.
        """
        action = self._action(
            AuthenticateAction,
            username=username,
            password=password,
            totp_code=totp_code,
            ip_address=ip_address,
            user_agent=user_agent,
        )
        try:
            return await self._run(action)
        except InvalidCredentials as refusal:
            if raise_on_failure:
                raise
            return AuthenticationResult(
                success=False, error_code=refusal.code, error_message=refusal.message
            )
        except ConnectionError as error:
            raise NoVerdict(error.message) from error

    async def create_session(self, username: str, expires_in_hours: float = 8) -> IssuedSession:
        """Open a session for a user without a password, as an administrator.

        More than 0 hours, fractions too; at most what the server allows sessions to last.
        """
        return await self._run(
            self._action(CreateSessionAction, user=username, expires_in_hours=expires_in_hours)
        )

    async def validate_session(
        self,
        session_id: str,
        *,
        ip_address: str | None = None,
        at_least: int | None = None,
        consistency: str = "bounded",
    ) -> bool:
        """Whether a session is good now. False for whatever is none; never raises for that.

        The answer knows of the change whose ``last_version`` is passed as ``at_least``; with
        ``consistency="strong"`` the database is asked.
        """
        if not _may_be_token(session_id):
            return False
        action = self._action(
            ValidateSessionAction,
            session_token=session_id,
            ip_address=ip_address,
            at_least=at_least,
            consistency=consistency,
        )
        return (await self._run(action)).valid

    async def refresh_session(
        self, session_id: str, *, ip_address: str | None = None
    ) -> IssuedSession:
        """A new token in the place of this one, which ends at once.

        NotAuthenticated, an AuthenticationError, where the session has ended. The same call again
        within 10 seconds gets the same answer; later it ends the session.
        """
        action = self._action(RefreshSessionAction, session_token=session_id, ip_address=ip_address)
        return await self._run(action)

    async def terminate_session(self, session_id: str) -> bool:
        """End a session, by its token or any that it was refreshed from.

        False where there was nothing to end; never raises for that.
        """
        if not _may_be_token(session_id):
            return False
        action = self._action(TerminateSessionAction, session_token=session_id)
        return (await self._run(action)).ended

    async def list_sessions(self, username: str | None = None) -> AsyncPages[SessionData]:
        """The open sessions of a user, or one's own, the latest first."""
        return await self._walk(
            lambda cursor: ListSessionsAction(user=username, limit=PAGE_SIZE, cursor=cursor)
        )

    async def end_session(self, session: str, *, username: str | None = None) -> None:
        """End a session by its id as listed; SessionNotFound where there is none such."""
        await self._run(EndSessionAction(session=str(session), user=username))

    async def end_sessions(self, username: str | None = None) -> None:
        """End all sessions of a user; of one's own all but this client's."""
        await self._run(EndSessionsAction(user=username))

    async def step_up(self, *, password: str | None = None, totp_code: str | None = None) -> None:
        """Prove again who one is, by password or code, for what is sensitive.

        A client that knows its password does so by itself.
        """
        await self._run(StepUpAction(password=password, totp_code=totp_code))


def _may_be_token(given: object) -> bool:
    return isinstance(given, str) and SessionToken.parse(given) is not None
