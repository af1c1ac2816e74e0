"""What can be asked (Action), who asks (Actor, Origin) and one asking of it (Run)."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar, get_args
from uuid import UUID

from tenantry.record import Record

ResultT = TypeVar("ResultT")


class Audience(Enum):
    """Who may ask at all. The service then decides on the very target."""

    EVERYONE = "everyone, also without a login"
    AUTHENTICATED = "whoever is logged in"
    READERS = "who may read a tenant"
    ADMINISTRATORS = "who may administer a tenant"
    PLATFORM = "who may administer the platform"


class Action(Record, Generic[ResultT], frozen=True):
    """One operation, declared once: its fields, its tag, its result and one sentence."""

    tag: ClassVar[str]
    """Audit tag, metric label and permission in one, such as ``user.lock``."""
    audience: ClassVar[Audience] = Audience.PLATFORM
    reads: ClassVar[bool] = False
    """True where a success changes nothing and is thus not audited."""

    def target(self) -> str | None:
        """The name of what the action is about, as the actor gave it, for the audit entry."""
        return None

    @classmethod
    def result_type(cls) -> Any:  # Any: a type expression, for the decoder
        """The type between the brackets of ``Action[...]``."""
        for base in getattr(cls, "__orig_bases__", ()):
            if get_args(base):
                return get_args(base)[0]
        raise TypeError(f"{cls.__name__} names no result type")


class ActorKind(StrEnum):
    """Code that embeds us, nobody yet, or a user with a verified credential."""

    SYSTEM = "system"
    ANONYMOUS = "anonymous"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who runs an action now. ``only`` limits a user to some tags, ``permissions`` allow more."""

    kind: ActorKind
    name: str
    id: UUID | None = None
    tenant_id: UUID | None = None
    role: str | None = None
    session_id: UUID | None = None
    only: frozenset[str] | None = None
    permissions: frozenset[str] = frozenset()


SYSTEM = Actor(ActorKind.SYSTEM, "system")
ANONYMOUS = Actor(ActorKind.ANONYMOUS, "anonymous")


class Acting(Protocol):
    """Whatever can become an actor, such as a user's data."""

    def as_actor(self) -> Actor: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from; ``address`` is the socket's or a trusted proxy's word."""

    face: str = "library"
    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None


class Outcome(StrEnum):
    """How a run ended, as audit entries and metrics say it."""

    SUCCEEDED = "succeeded"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Note:
    """What a transaction tells the audit about its change.

    ``changes`` maps a field to its value before and after; secrets are masked by who writes it.
    ``person_id`` is the user whose data they are, where that is not the target itself.
    """

    target: str | None = None
    target_id: UUID | None = None
    tenant_id: UUID | None = None
    changes: Mapping[str, tuple[object, object]] = field(default_factory=dict)
    outcome: Outcome = Outcome.SUCCEEDED
    reason: str | None = None
    person_id: UUID | None = None


@dataclass(slots=True)
class Run:
    """One asking of an action. ``outcome`` and ``recorded`` are set when a transaction commits."""

    id: UUID
    action: Action[Any]
    actor: Actor
    origin: Origin
    started_at: datetime
    outcome: Outcome | None = None
    recorded: bool = False


_NOWHERE = Origin()
_actor: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)
_origin: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)
_run: ContextVar[Run | None] = ContextVar("run", default=None)


def current_actor() -> Actor:
    """The actor in this context; ``system`` outside any face."""
    return _actor.get()


def current_origin() -> Origin:
    """Where the current request came from."""
    return _origin.get()


def current_run() -> Run | None:
    """The run whose service is at work in this context, if any."""
    return _run.get()


def acting_as(who: Actor | Acting, origin: Origin | None = None) -> AbstractContextManager[None]:
    """Run what is inside as this actor (and from this origin), in this context only."""
    actor = who if isinstance(who, Actor) else who.as_actor()
    return _set((_actor, actor), (_origin, origin or _origin.get()))


@contextmanager
def _set(*pairs: tuple[ContextVar[Any], object]) -> Iterator[None]:
    tokens = [(variable, variable.set(value)) for variable, value in pairs]
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


def running(run: Run) -> AbstractContextManager[None]:
    """Make this the current run."""
    return _set((_run, run))
