"""Normal forms of usernames and email addresses, and what may not stand in one.

Forms are computed here, once, and stored; the database only compares bytes. Lengths are capped
before any Unicode work, which is quadratic in combining marks.
"""

import unicodedata

from tenantry.users.model import is_uuid

MAX_NAME_BYTES = 63
MAX_EMAIL_BYTES = 254
MAX_LOCAL_PART_BYTES = 64

_RESERVED = frozenset(
    "public none current_user current_role session_user system anonymous tenantry_owner "
    "tenantry_app".split()
)
_QUOTES = frozenset("'\"`\u00b4\\")
_SEPARATORS = ":#/"
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u17b4\u17b5\u034f")


class Unfit(ValueError):
    """A value that breaks a rule; ``code`` is stable, the text completes "<field> ..."."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def fold(text: str) -> str:
    """The form in which names are compared: NFKC, case-folded, NFKC again (idempotent)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def cap(text: str, maximum_bytes: int) -> None:
    """Refuse text of more bytes than this, and text that no database can hold."""
    if len(text) > maximum_bytes:
        raise Unfit("too_long", f"must not be longer than {maximum_bytes} bytes")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise Unfit("invalid_text", "holds half a surrogate pair") from error
    if size > maximum_bytes:
        raise Unfit("too_long", f"must not be longer than {maximum_bytes} bytes")
    if "\0" in text:
        raise Unfit("invalid_text", "holds a NUL character")


def username(text: str) -> str:
    """The username as it is stored; Unfit when it is not one."""
    cap(text, 4 * MAX_NAME_BYTES)
    name = unicodedata.normalize("NFKC", text)
    if not name:
        raise Unfit("empty", "must not be empty")
    cap(name, MAX_NAME_BYTES)
    require_plain(name, _SEPARATORS)
    if name[0] == "@" or name[-1] == "@":
        raise Unfit("invalid_character", "must not begin or end with @")
    key = fold(name)
    if key in _RESERVED or key.startswith("pg_"):
        raise Unfit("reserved", "is a reserved name")
    if is_uuid(key):
        raise Unfit("reserved", "must not look like an id")
    return name


def label(text: str, maximum_bytes: int) -> str:
    """The name of a group or tenant as it is stored; Unfit when it cannot be one."""
    cap(text, 4 * maximum_bytes)
    name = unicodedata.normalize("NFKC", text)
    if not name.strip():
        raise Unfit("empty", "must not be empty")
    if name != name.strip():
        raise Unfit("invalid_character", "must not begin or end with a space")
    cap(name, maximum_bytes)
    for character in name:
        if unicodedata.category(character)[0] == "C" or character in "\u2028\u2029":
            raise Unfit(
                "invalid_character", f"holds an invisible character, U+{ord(character):04X}"
            )
    if is_uuid(name):
        raise Unfit("reserved", "must not look like an id")
    return name


def require_plain(name: str, separators: str) -> None:
    """Refuse a name that cannot be seen as it is, or that holds spaces, quotes or separators."""
    for character in name:
        _require_plain_character(character, separators)
    if unicodedata.category(name[0]).startswith("M"):
        raise Unfit("invalid_character", "must not begin with a combining mark")


def _require_plain_character(character: str, separators: str) -> None:
    category = unicodedata.category(character)
    variation = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    if category[0] == "C" or variation or character in _INVISIBLE_LETTERS:
        raise Unfit("invalid_character", f"holds an invisible character, U+{ord(character):04X}")
    if category[0] == "Z":
        raise Unfit("invalid_character", "must not hold spaces")
    if character in _QUOTES or category in ("Pi", "Pf"):
        raise Unfit("invalid_character", "must not hold quotes or backslashes")
    if character in separators:
        raise Unfit("invalid_character", f"must not hold any of {' '.join(separators)}")
    if category == "So":
        raise Unfit("invalid_character", "must not hold pictures")


def email(text: str) -> str:
    """The address as it is stored, its domain in ASCII; Unfit when it is not one."""
    from email_validator import EmailNotValidError, validate_email  # slow to import

    cap(text, MAX_EMAIL_BYTES)
    try:
        checked = validate_email(text, check_deliverability=False)
    except EmailNotValidError as error:
        raise Unfit("invalid_email", f"is not an email address: {error}") from error
    if len(checked.local_part.encode()) > MAX_LOCAL_PART_BYTES:
        raise Unfit("invalid_email", "has more than 64 bytes before the @")
    return f"{checked.local_part}@{checked.ascii_domain}"


def search_text(*parts: str | None) -> str:
    """What a substring search looks into: the folded parts, kept apart by line ends."""
    return "\n".join(fold(part) for part in parts if part)


def login_key(text: str) -> str:
    """The form in which a login name is looked up; "" for text that can be nobody's."""
    try:
        cap(text, 4 * MAX_EMAIL_BYTES)
    except Unfit:
        return ""
    return fold(text.strip())


def email_key(text: str) -> str:
    """The form in which an address is looked up; its domain may be given in any script."""
    key = login_key(text)
    if key.isascii():
        return key
    try:
        return fold(email(key))
    except Unfit:
        return key
