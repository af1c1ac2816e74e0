"""Lock whoever fails to log in too often, and tell what somebody has been doing.

    python examples/security_monitor.py --most 5 --minutes 60
    python examples/security_monitor.py --about rosa --days 7

Run the first from a timer. The server has a lockout of its own (see the password policy); this is
for rules that it does not have.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from tenantry import AccountManager, Client
from tenantry.errors import AccountError, PermissionError


def lock_who_fails(account: AccountManager, most: int, minutes: int) -> Iterator[str]:
    """Lock the users with at least so many failures in the last hour, and say so.

    Only users that there are come in the list, so made-up names can neither stop this nor have
    anybody locked. Tries on a locked account do not lengthen the lock.
    """
    failures = Counter(
        attempt.username
        for attempt in account.get_failed_login_attempts(hours=1)
        if attempt.reason != "locked"
    )
    for username, count in failures.most_common():
        if count < most:
            return
        if account.get_account_lock_status(username).is_locked:
            continue
        try:
            account.lock_account(username, f"{count} failed logins in an hour", minutes)
            yield f"{username}: locked for {minutes} minutes after {count} failures"
        except (AccountError, PermissionError) as refused:
            yield f"{username}: {count} failures, not locked: {refused}"


def activity(account: AccountManager, username: str, days: int) -> Iterator[str]:
    """What somebody has done, and what was tried in their name, in the last days."""
    since = datetime.now().astimezone() - timedelta(days=days)
    entries = list(account.get_audit_logs(username, start_date=since))
    logins = [entry for entry in entries if entry.action == "login"]
    good = sum(entry.success for entry in logins)
    yield f"{username}, the last {days} days"
    yield f"  logins: {good}, refused: {len(logins) - good}"
    yield f"  from: {', '.join(sorted({e.ip_address for e in logins if e.ip_address})) or '-'}"
    others = Counter(entry.action for entry in entries if entry.action != "login")
    for action, count in sorted(others.items()):
        yield f"  {action}: {count}"
    if len(logins) - good > good:
        yield "  more logins were refused than let in"


def main() -> None:
    parser = argparse.ArgumentParser(description="Watch logins.")
    parser.add_argument("--most", type=int, default=5, help="failures in an hour that lock")
    parser.add_argument("--minutes", type=int, default=60, help="how long")
    parser.add_argument("--about", metavar="USERNAME", help="tell of a user instead")
    parser.add_argument("--days", type=int, default=7, help="how far back")
    given = parser.parse_args()
    with Client() as client:
        account = client.account
        if given.about:
            lines = activity(account, given.about, given.days)
        else:
            lines = lock_who_fails(account, given.most, given.minutes)
        for line in lines:
            print(line)


if __name__ == "__main__":
    main()
