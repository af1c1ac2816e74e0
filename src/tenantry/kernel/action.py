"""What can be asked (Action), who asks (Actor, Origin) and one asking of it (Run)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Annotated, Any, ClassVar, Generic, Protocol, TypeVar, get_args, get_origin
from uuid import UUID

import msgspec

ResultT = TypeVar("ResultT")

SecretText = Annotated[str, msgspec.Meta(extra={"secret": True})]
"""Text that must not be shown: masked in every repr, asked for at a prompt, never logged."""


def is_secret(annotation: Any) -> bool:  # Any: a type annotation may be anything
    """Whether a field's annotation, or one inside it, is SecretText."""
    if get_origin(annotation) is Annotated:
        metas = get_args(annotation)[1:]
        if any(isinstance(m, msgspec.Meta) and (m.extra or {}).get("secret") for m in metas):
            return True
    return any(is_secret(inner) for inner in get_args(annotation) if inner is not ...)


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen value that goes over the wire; fields of SecretText are masked in its repr."""

    def __repr__(self) -> str:
        hints = msgspec.structs.fields(self)
        shown = (
            f"{f.name}={'***' if is_secret(f.type) else repr(getattr(self, f.name))}" for f in hints
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    __str__ = __repr__


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
    """Who runs an action now. ``only`` limits a user to some tags (None: no limit)."""

    kind: ActorKind
    name: str
    id: UUID | None = None
    tenant_id: UUID | None = None
    role: str | None = None
    session_id: UUID | None = None
    only: frozenset[str] | None = None

    def as_actor(self) -> "Actor":
        """Itself, so that ``acting_as`` takes actors and users alike."""
        return self


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
    """

    target: str | None = None
    target_id: UUID | None = None
    tenant_id: UUID | None = None
    changes: Mapping[str, tuple[object, object]] = field(default_factory=dict)
    outcome: Outcome = Outcome.SUCCEEDED
    reason: str | None = None


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


@contextmanager
def acting_as(who: Acting, origin: Origin | None = None) -> Iterator[Actor]:
    """Run what is inside as this actor (and from this origin), in this context only."""
    actor = who.as_actor()
    actor_token = _actor.set(actor)
    origin_token = _origin.set(origin) if origin is not None else None
    try:
        yield actor
    finally:
        _actor.reset(actor_token)
        if origin_token is not None:
            _origin.reset(origin_token)


@contextmanager
def running(run: Run) -> Iterator[None]:
    """Make this the current run."""
    token = _run.set(run)
    try:
        yield
    finally:
        _run.reset(token)
