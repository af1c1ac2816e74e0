"""How many attempts are let through, as rules without a clock of their own.

Three counts are kept for each attempt: of its account from its network, which is the tight one; of
the account from everywhere; of the network at all accounts. A network from which the user has
logged in is *known*, and only the first count holds for it: so nobody elsewhere can keep the user
out, however much they try.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from ipaddress import ip_network
from uuid import UUID

from tenantry.users.addresses import parse_address

FREE_TRIES = 3
"""So many failures are mistakes that anybody makes; from then on each one slows the next."""
FIRST_DELAY = timedelta(seconds=0.25)
MOMENT = timedelta(milliseconds=10)


@dataclass(frozen=True, slots=True)
class LockoutPolicy:
    """``max_failures`` in a row of one account from one network refuse it for ``duration``.

    NIST SP 800-63B-4, section 3.2.2, allows at most 100 failures in a row for an account.
    """

    max_failures: int = 10
    max_account_failures: int = 50
    """Of one account, from all networks that are not known together."""
    max_source_failures: int = 100
    """Of one network, at all accounts together, in each ``duration``."""
    duration: timedelta = timedelta(minutes=15)
    longest_delay: timedelta = timedelta(seconds=2)
    abandoned_after: timedelta = timedelta(seconds=30)
    """When an attempt that was never settled, as after a crash, counts as a failure."""
    known_for: timedelta = timedelta(days=90)

    def of_tenant(self, max_failures: int | None, minutes: int | None) -> "LockoutPolicy":
        """This policy with what a tenant has set."""
        failures = self.max_failures if max_failures is None else max_failures
        return replace(
            self,
            max_failures=failures,
            max_account_failures=max(failures, self.max_account_failures),
            duration=self.duration if minutes is None else timedelta(minutes=minutes),
        )

    @property
    def patience(self) -> timedelta:
        """How long an attempt waits: for others that are under way, and for its delay."""
        return timedelta(seconds=2) + self.longest_delay / 4

    @property
    def free_tries(self) -> int:
        """How many failures cost no time."""
        return FREE_TRIES if self.longest_delay else 1_000_000

    def delay(self, failures: int) -> timedelta:
        """How long after so many failures the next attempt has to wait."""
        if failures < self.free_tries:
            return timedelta()
        doublings: int = min(failures - FREE_TRIES, 20)
        return min(self.longest_delay, FIRST_DELAY * (1 << doublings))

    def pause(
        self, claim: "Claim", standings: Mapping[str, "Standing"], now: datetime
    ) -> timedelta | None:
        """How long a refused attempt had better wait; None where waiting cannot help."""
        pair = standings.get(claim.pair)
        known = pair is not None and pair.known_at(now)
        limits = {claim.pair: self.max_failures}
        if not known:
            limits[claim.account] = self.max_account_failures
            limits[claim.source or ""] = self.max_source_failures
        for subject, limit in limits.items():
            standing = standings.get(subject)
            if standing and standing.failures_at(now, self) >= limit:
                return None
        if pair is None or pair.pending:
            return MOMENT
        left = pair.changed_at + self.delay(pair.failures_at(now, self)) - now
        return max(left, MOMENT)


@dataclass(frozen=True, slots=True)
class Standing:
    """One count, as it is stored."""

    failures: int
    pending: int
    changed_at: datetime
    known_until: datetime | None = None

    def failures_at(self, now: datetime, policy: LockoutPolicy) -> int:
        """The failures that still count."""
        return self.failures if now - self.changed_at < policy.duration else 0

    def known_at(self, now: datetime) -> bool:
        """Whether the user has logged in from there not too long ago."""
        return self.known_until is not None and now < self.known_until


class Admission(Enum):
    """Whether an attempt may be evaluated."""

    GRANTED = "granted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Claim:
    """What an attempt is counted under; ``source`` is None where no address is known."""

    account: str
    pair: str
    source: str | None
    policy: LockoutPolicy = LockoutPolicy()
    """What the account's tenant asks for; the network's own count keeps to the platform's."""

    @property
    def subjects(self) -> list[str]:
        """All of it, in the order in which rows are locked, always the same."""
        return [self.pair, self.account] + ([self.source] if self.source else [])

    @classmethod
    def of(
        cls,
        user_id: UUID | None,
        login_name: str,
        address: str | None,
        now: datetime,
        policy: LockoutPolicy,
        own: LockoutPolicy | None = None,
    ) -> "Claim":
        """For the user under any name, or for a name that nobody has, from where it came.

        A network's own count begins anew with each window, which is part of its name.
        """
        network = network_of(address)
        account = f"user:{user_id}" if user_id is not None else f"name:{_digest(login_name)}"
        window = int(now.timestamp() // policy.duration.total_seconds())
        source = f"from:{network}#{window}" if network else None
        return cls(account, f"{account}@{network or '-'}", source, own or policy)


def network_of(address: str | None) -> str | None:
    """Where an attempt comes from: the address, or the /64 that one IPv6 customer has."""
    parsed = parse_address(address) if address else None
    if parsed is None:
        return None
    return str(parsed) if parsed.version == 4 else str(ip_network((int(parsed), 64), strict=False))


def _digest(login_name: str) -> str:
    """A name that nobody has, in a form that says nothing of what was typed by mistake."""
    return hashlib.sha256(login_name.encode(errors="replace")).hexdigest()[:32]
