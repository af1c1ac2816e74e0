"""Where a login comes from: the socket, or what a server says that asks for somebody else."""

from dataclasses import dataclass, replace

from tenantry.auth.actions import AuthenticateAction
from tenantry.auth.proving import Changes
from tenantry.kernel.action import ActorKind, Origin, current_actor, current_origin, current_run
from tenantry.users import access
from tenantry.users.principal import Principal

MAX_USER_AGENT = 256


@dataclass(frozen=True)
class Whence:
    """``origin`` decides and is recorded; attempts are ``counted`` for an address, if for any.

    ``changes`` are for the audit: what was claimed without the right to, or who passed it on.
    """

    origin: Origin
    counted: str | None
    changes: Changes


def whence(action: AuthenticateAction, principal: Principal | None) -> Whence:
    """Where a login comes from.

    Who may state it and does is believed. Who may and does not is a server in front of many
    people: its own address is compared with the user's rules, but must not be throttled for
    all of them. Anybody else's word is written down as a claim and decides nothing.
    """
    actor, origin = current_actor(), current_origin()
    address, user_agent = action.ip_address, _printable(action.user_agent)
    if not access.may_state_origin(actor, principal.user.tenant_id if principal else None):
        said = {"claimed_ip_address": address, "claimed_user_agent": user_agent}
        claims: Changes = {name: (None, text) for name, text in said.items() if text}
        return Whence(origin, origin.address, claims)
    own = None if actor.kind is ActorKind.USER else origin.address
    if address is None and user_agent is None:
        return Whence(origin, own, {})
    told = replace(
        origin, address=address or origin.address, user_agent=user_agent or origin.user_agent
    )
    run = current_run()
    if run is not None:
        run.origin = told  # the audit entry is about the person's login
    relay = origin.address if address else None
    passed_on: Changes = {"relayed_from": (None, relay)} if relay else {}
    return Whence(told, address or own, passed_on)


def _printable(text: str | None) -> str | None:
    if text is None:
        return None
    return "".join(c if c.isprintable() else "?" for c in text[:MAX_USER_AGENT])
