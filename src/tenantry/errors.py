"""Every error that Tenantry raises, in one tree.

    TenantryError                     code, message, field, data; its docstring is the default
    ├── AccountError                  an invalid request or state
    │   ├── InvalidInput              one or more fields are wrong; ``violations`` names each
    │   │   ├── UserCreationBadRequest
    │   │   ├── UserModificationBadRequest
    │   │   └── PasswordRejected
    │   ├── UserNotFound · TenantNotFound · SessionNotFound · GroupNotFound · PolicyNotFound
    │   │   AccessKeyNotFound · ComputeSessionNotFound · AgentNotFound · VfolderNotFound
    │   │   JobNotFound · RoleNotFound · DatabaseNotFound · PrincipalNotFound
    │   ├── UserConflict              ``field`` names what is taken
    │   ├── GroupConflict · RoleConflict · PolicyConflict · VfolderConflict · TenantConflict
    │   │   DatabaseConflict
    │   ├── VersionConflict           somebody else changed it first
    │   ├── InvalidToken              a one-time token that is not, or no longer, good
    │   └── StateConflict             the state forbids it now
    │       ├── LastAdministrator · PolicyInUse · TenantLimitReached
    │       └── UserPurgeFailure · TenantDeletionFailure
    ├── AuthenticationError           the caller's own login failed, or no verdict was possible
    │   ├── InvalidCredentials · NotAuthenticated
    │   ├── Overloaded
    │   └── NoVerdict                 also a ConnectionError
    ├── PermissionError               the actor lacks the right; also Python's builtin
    │   └── StepUpRequired            who one is must be proved again first
    ├── NotWarm                       memory cannot answer now; the database can
    ├── ConnectionError               server or database out of reach; also Python's builtin
    │   └── TransactionConflict · MailNotSent
    └── ConfigurationError            the installation is set up wrongly

Nothing secret is ever put into a message, a field or ``data``.
"""

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self


class TenantryError(Exception):
    """Something went wrong in the account system."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str = "", *, field: str | None = None, **data: object) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.field = field
        self.data = data
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class AccountError(TenantryError):
    """The request is invalid, or the state forbids it."""

    code = "account_error"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: the field's name (dotted for nested ones), a stable code, a sentence."""

    field: str
    code: str
    message: str


class InvalidInput(AccountError):
    """A field of the request is invalid."""

    code = "invalid_input"

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        message = "; ".join(f"{v.field}: {v.message}" for v in self.violations)
        super().__init__(message, field=self.violations[0].field if self.violations else None)

    @classmethod
    def of(cls, field: str, code: str, message: str) -> Self:
        """The error for a single broken rule."""
        return cls([Violation(field, code, message)])


class UserCreationBadRequest(InvalidInput):
    """The user cannot be created as asked."""

    code = "user_creation_bad_request"


class UserModificationBadRequest(InvalidInput):
    """The user cannot be modified as asked."""

    code = "user_modification_bad_request"


class PasswordRejected(InvalidInput):
    """The password breaks the password policy."""

    code = "password_rejected"


class UserNotFound(AccountError):
    """There is no such user."""

    code = "user_not_found"


class TenantNotFound(AccountError):
    """There is no such tenant."""

    code = "tenant_not_found"


class SessionNotFound(AccountError):
    """There is no such session."""

    code = "session_not_found"


class UserConflict(AccountError):
    """Another user has this name or address already."""

    code = "user_conflict"


class GroupNotFound(AccountError):
    """There is no such group."""

    code = "group_not_found"


class RoleNotFound(AccountError):
    """There is no such role."""

    code = "role_not_found"


class PrincipalNotFound(AccountError):
    """There is no such user or role."""

    code = "principal_not_found"


class PolicyNotFound(AccountError):
    """There is no such policy."""

    code = "policy_not_found"


class DatabaseNotFound(AccountError):
    """There is no such managed database."""

    code = "database_not_found"


class AccessKeyNotFound(AccountError):
    """There is no such access key."""

    code = "access_key_not_found"


class ComputeSessionNotFound(AccountError):
    """There is no such compute session."""

    code = "compute_session_not_found"


class AgentNotFound(AccountError):
    """There is no such agent."""

    code = "agent_not_found"


class VfolderNotFound(AccountError):
    """There is no such vfolder."""

    code = "vfolder_not_found"


class JobNotFound(AccountError):
    """There is no such job."""

    code = "job_not_found"


class GroupConflict(AccountError):
    """Another group of the tenant has this name already."""

    code = "group_conflict"


class RoleConflict(AccountError):
    """Another role has this name already."""

    code = "role_conflict"


class PolicyConflict(AccountError):
    """Another policy has this name already."""

    code = "policy_conflict"


class DatabaseConflict(AccountError):
    """A database of this name is managed already, or belongs to another tenant."""

    code = "database_conflict"


class VfolderConflict(AccountError):
    """Another vfolder of the owner has this name already."""

    code = "vfolder_conflict"


class TenantConflict(AccountError):
    """Another tenant has this name already."""

    code = "tenant_conflict"


class VersionConflict(AccountError):
    """It was changed by somebody else in the meantime; read it again and repeat the change."""

    code = "version_conflict"


class InvalidToken(AccountError):
    """This token has been used, has expired or was replaced by a newer one; ask for another."""

    code = "invalid_token"


class StateConflict(AccountError):
    """The present state forbids this."""

    code = "state_conflict"


class LastAdministrator(StateConflict):
    """The last active administrator must stay."""

    code = "last_administrator"


class PolicyInUse(StateConflict):
    """The policy is in use; give its users another one first."""

    code = "policy_in_use"


class TenantLimitReached(StateConflict):
    """The tenant has as many of these as it may have."""

    code = "tenant_limit_reached"


class TenantDeletionFailure(StateConflict):
    """The tenant cannot be deleted now."""

    code = "tenant_deletion_failure"


class UserPurgeFailure(StateConflict):
    """The user cannot be purged now."""

    code = "user_purge_failure"


class AuthenticationError(TenantryError):
    """The login failed, or no verdict was possible."""

    code = "authentication_error"


class InvalidCredentials(AuthenticationError):
    """The username or the password is wrong, or the account cannot log in now."""

    code = "invalid_credentials"


class NotAuthenticated(AuthenticationError):
    """A valid session is needed for this."""

    code = "not_authenticated"


class Overloaded(AuthenticationError):
    """Too many logins wait already; try again shortly."""

    code = "overloaded"


class NotWarm(TenantryError):
    """This cannot be decided from memory now: warm the user first, or ask and wait."""

    code = "not_warm"


class PermissionError(TenantryError, builtins.PermissionError):
    """The actor lacks the permission for this."""

    code = "permission_denied"


class StepUpRequired(PermissionError):
    """Prove again who you are: POST /api/v1/step-up, or tenantry step-up."""

    code = "step_up_required"


class ConnectionError(TenantryError, builtins.ConnectionError):
    """The server or its database cannot be reached now; try again shortly."""

    code = "unavailable"


class NoVerdict(AuthenticationError, ConnectionError):
    """Nobody could find out whether the login is good; try again shortly."""

    code = "no_verdict"


class TransactionConflict(ConnectionError):
    """Concurrent changes kept colliding; try again."""

    code = "transaction_conflict"


class MailNotSent(ConnectionError):
    """The mail could not be handed over; it is tried again."""

    code = "mail_not_sent"


class ConfigurationError(TenantryError):
    """The installation is set up wrongly."""

    code = "configuration_error"
