"""The texts of the mails, for people to read."""

from datetime import datetime

from tenantry.passwords.tokens import Purpose
from tenantry.users.model import UserData

PAGE = "/set-password"

_RESET = """\
Hello {name},

somebody asked for a new password for the account "{username}" at {host}.

If it was you, set a new password here:

  {link}

The link works once, until {until}. All devices are logged out when
you use it.

If it was not you, you need not do anything: the present password stays as
it is. Never hand the link on; nobody of ours will ask you for it.
"""
_INVITATION = """\
Hello {name},

an account was made for you at {host}. Your username is "{username}".

Choose your password here to begin:

  {link}

The link works once, until {until}. If that has passed, ask for
another one at the same place, or ask whoever invited you.

If you do not know what this is about, you need not do anything.
"""
_SUBJECTS = {
    Purpose.RESET: "Set a new password for {host}",
    Purpose.INVITATION: "Your account at {host}",
}
_TEXTS = {Purpose.RESET: _RESET, Purpose.INVITATION: _INVITATION}


def link_of(base_url: str, token: str) -> str:
    """Where the token is used. Behind the # it reaches no log and no other site."""
    return f"{base_url}{PAGE}#{token}"


def letter(
    purpose: Purpose, user: UserData, *, base_url: str, token: str, until: datetime
) -> tuple[str, str]:
    """Subject and text. Names stand on one line, so that none of them can add words of its own."""
    host = base_url.partition("://")[2]
    words = {
        "name": " ".join((user.full_name or user.username).split())[:100],
        "username": user.username,
        "host": host,
        "link": link_of(base_url, token),
        "until": f"{until:%d %B %Y, %H:%M} UTC",
    }
    return _SUBJECTS[purpose].format(**words), _TEXTS[purpose].format(**words)
