"""The account manager's operations on the audit, in asynchronous form."""

from datetime import datetime
from typing import Final

from tenantry.audit.actions import ListFailedLoginsAction, SearchAuditAction
from tenantry.audit.model import AuditEntry, FailedLogin
from tenantry.errors import InvalidInput, Violation
from tenantry.kernel.page import Page
from tenantry.moments import Given, end_of, start_of
from tenantry.sdk.operations import Operations
from tenantry.sdk.pages import PAGE_SIZE, AsyncPages

_NO_TIME: Final = "is no date such as 2026-01-31 and no time such as 2026-01-31T14:30"


class AuditOperations(Operations):
    """What an account manager can ask about what was done."""

    async def get_audit_logs(
        self,
        username: str | None = None,
        action: str | None = None,
        start_date: Given | None = None,
        end_date: Given | None = None,
        limit: int | None = None,
        *,
        actor: str | None = None,
        target: str | None = None,
        outcome: str | None = None,
        address: str | None = None,
    ) -> AsyncPages[AuditEntry]:
        """Audit entries, the newest first, for which all conditions hold.

        ``username`` is whom an entry is about or who did it; ``action`` a tag such as ``login``.
        Dates are ``YYYY-MM-DD``, an ISO string, a date or a datetime, without a zone in local
        time; a bare date at the end is all of that day. At most ``limit`` entries are walked.
        """
        since, until = _period(start_date, end_date)
        asked = {
            "user": username,
            "action": action,
            "since": since,
            "until": until,
            "actor": actor,
            "target_name": target,
            "outcome": outcome,
            "address": address,
        }
        said = {name: value for name, value in asked.items() if value is not None}
        _require_limit(limit)
        left: dict[str | None, int | None] = {None: limit}

        async def fetch(cursor: str | None) -> Page[AuditEntry]:
            most = left[cursor]
            size = PAGE_SIZE if most is None else min(PAGE_SIZE, most)
            search = self._action(SearchAuditAction, **said, limit=size, cursor=cursor)
            page = await self._run(search)
            if most is not None and len(page.items) >= most:
                return Page(page.items)
            left[page.next_cursor] = most and most - len(page.items)
            return page

        return await AsyncPages.of(fetch)

    async def get_failed_login_attempts(
        self, username: str | None = None, hours: float = 24, *, include_unknown: bool = False
    ) -> AsyncPages[FailedLogin]:
        """Logins that were refused in the last hours, the newest first.

        Only of users that there are, by their present names, so that each can be acted on;
        ``include_unknown`` adds the names that nobody has.
        """
        return await self._walk(
            lambda cursor: self._action(
                ListFailedLoginsAction,
                user=username,
                hours=hours,
                include_unknown=include_unknown,
                limit=PAGE_SIZE,
                cursor=cursor,
            )
        )


def _period(
    start_date: Given | None, end_date: Given | None
) -> tuple[datetime | None, datetime | None]:
    """The moments that two dates stand for; InvalidInput names the one that is wrong."""
    found: list[Violation] = []
    moments: dict[str, datetime | None] = {"start_date": None, "end_date": None}
    for name, given, read in (
        ("start_date", start_date, start_of),
        ("end_date", end_date, end_of),
    ):
        try:
            moments[name] = read(given) if given is not None else None
        except (ValueError, OverflowError):
            found.append(Violation(name, "wrong_value", _NO_TIME))
    start, end = moments["start_date"], moments["end_date"]
    if start is not None and end is not None and start >= end:
        found.append(Violation("start_date", "after_end", "must not be after end_date"))
    if found:
        raise InvalidInput(found)
    return start, end


def _require_limit(limit: object) -> None:
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise InvalidInput.of("limit", "wrong_value", "must be a whole number from 1 on")
