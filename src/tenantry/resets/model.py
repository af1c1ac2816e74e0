"""How long tokens are good, and how often a mail may be asked for."""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from uuid import UUID

from tenantry.passwords.tokens import Purpose
from tenantry.record import Record
from tenantry.users.addresses import parse_address


@dataclass(frozen=True)
class ResetPolicy:
    """Lifetimes after NIST SP 800-63B-4, section 4.2.1.1: a code by mail, 24 hours at most."""

    reset: timedelta = timedelta(hours=1)
    invitation: timedelta = timedelta(hours=24)
    window: timedelta = timedelta(hours=1)
    per_account: int = 5
    per_source: int = 50
    """How many requests a window has, for one account and from one network."""

    def lifetime(self, purpose: Purpose) -> timedelta:
        """How long a token for this purpose is good."""
        return self.reset if purpose is Purpose.RESET else self.invitation


class MailOrder(Record, frozen=True):
    """What the outbox keeps of a mail: whom it goes to. Nobody where there is no such account.

    Neither address nor token are in it: they are looked up and made when the mail is sent.
    """

    user_id: UUID | None
    purpose: Purpose


def source_of(address: str | None) -> str:
    """The network that counts as one asker: an IPv6 network of 64 bits is one household."""
    parsed = parse_address(address) if address else None
    if parsed is None:
        return "reset:from:nowhere"
    if parsed.version == 4:
        return f"reset:from:{parsed}"
    return f"reset:from:{ip_network((parsed, 64), strict=False).network_address}"
