"""The password policy, as a pure function from a password to what is wrong with it.

After NIST SP 800-63B-4, section 3.1.1: length first, no composition rules, and comparison of
the whole password, never of a part, with what an attacker tries first. A tenant may ask for more,
and is told where that goes against the standards.
"""

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from tenantry.errors import InvalidInput, Violation
from tenantry.passwords import blocklist
from tenantry.record import Record

MAX_BYTES = 512
PRODUCT = "tenantry"

RANGES: Mapping[str, tuple[int, int]] = {
    "min_length": (8, 128),
    "max_length": (8, 512),
    "max_age_days": (1, 3650),
    "prevent_reuse_count": (0, 24),
    "max_failed_attempts": (1, 100),
    "lockout_minutes": (1, 525_600),
}
"""The platform's floor and ceiling for what a tenant may set; both ends are included."""

_NIST, _ASVS = "NIST SP 800-63B-4", "OWASP ASVS 5.0"


class PasswordPolicy(Record, frozen=True, kw_only=True):
    """What a tenant asks of passwords. Lengths count code points of the NFKC form.

    ``prevent_reuse_count`` counts the present password; without ``max_age_days`` none grows old.
    """

    min_length: int = 12
    max_length: int = 128
    require_uppercase: bool = False
    require_lowercase: bool = False
    require_numbers: bool = False
    require_special_chars: bool = False
    max_age_days: int | None = None
    prevent_reuse_count: int = 0
    block_common: bool = True
    block_context: bool = True
    max_failed_attempts: int = 10
    lockout_minutes: int = 15


class PolicyWarning(Record, frozen=True):
    """A value that a standard advises against: the field, the standard's place, a sentence."""

    field: str
    standard: str
    message: str


def normalised(password: str) -> str:
    """The form that is hashed: NFKC and nothing else (NIST SP 800-63B-4, 3.1.1.2).

    Over-long text stays as it is, because normalising it would be an attack's work; it can
    never have been a password.
    """
    return password if len(password) > MAX_BYTES else unicodedata.normalize("NFKC", password)


def violations(
    password: object, policy: PasswordPolicy, context: tuple[str | None, ...], field: str
) -> list[Violation]:
    """What is wrong with a password; ``context`` are the username, email and tenant."""
    if not isinstance(password, str):
        return [Violation(field, "wrong_type", "must be text")]
    if len(password) > MAX_BYTES or _bytes(password) > MAX_BYTES:
        message = f"must not be longer than {MAX_BYTES} bytes"
        return [Violation(field, "too_long", message)]
    found = [*_of_length(password, policy), *_of_characters(password, policy)]
    if policy.block_common and blocklist.is_common(folded(password)):
        message = "must not be one of the passwords that are tried first because many have them"
        found.append(("common", message))
    if policy.block_context and _is_context_word(password, context):
        message = "must not be the username, the email address, the tenant or the product"
        found.append(("context_word", message))
    return [Violation(field, code, message) for code, message in found]


def range_violations(values: Mapping[str, Any]) -> list[Violation]:  # Any: columns of their own
    """Which of these values of a policy lie outside what the platform allows, or are no values."""
    found = []
    for name, value in values.items():
        if name not in RANGES:
            if not isinstance(value, bool):
                found.append(Violation(name, "wrong_value", "must be true or false"))
        elif not isinstance(value, int) or isinstance(value, bool):
            found.append(Violation(name, "wrong_value", "must be a whole number"))
        elif not RANGES[name][0] <= value <= RANGES[name][1]:
            least, most = RANGES[name]
            found.append(Violation(name, "out_of_range", f"must be from {least} to {most}"))
    return found


def require_consistent(policy: PasswordPolicy) -> None:
    """InvalidInput where two values cannot both hold."""
    if policy.min_length > policy.max_length:
        message = f"must not be less than min_length, which is {policy.min_length}"
        raise InvalidInput.of("max_length", "contradiction", message)


def warnings(policy: PasswordPolicy) -> list[PolicyWarning]:
    """Where the standards advise against a value."""
    return [
        PolicyWarning(field, standard, message)
        for field, applies, standard, message in _ADVICE
        if applies(policy)
    ]


_Advice = tuple[str, Callable[[PasswordPolicy], bool], str, str]
_CLASSES = {
    "require_uppercase": ("no_uppercase", "an upper-case letter", str.isupper),
    "require_lowercase": ("no_lowercase", "a lower-case letter", str.islower),
    "require_numbers": ("no_number", "a number", str.isnumeric),
    "require_special_chars": ("no_special_char", "a sign that is no letter or number", None),
}
_ADVICE: tuple[_Advice, ...] = (
    (
        "min_length",
        lambda policy: policy.min_length < 15,
        f"{_NIST}, 3.1.1.2; {_ASVS}, 6.2.1",
        "fewer than 15 characters are enough only beside a second factor",
    ),
    (
        "max_length",
        lambda policy: policy.max_length < 64,
        f"{_NIST}, 3.1.1.2; {_ASVS}, 6.2.9",
        "at least 64 characters should be allowed",
    ),
    *(
        (
            name,
            lambda policy, name=name: bool(getattr(policy, name)),
            f"{_NIST}, 3.1.1.2; {_ASVS}, 6.2.5",
            "no kind of character should be required",
        )
        for name in _CLASSES
    ),
    (
        "max_age_days",
        lambda policy: policy.max_age_days is not None,
        f"{_NIST}, 3.1.1.2; {_ASVS}, 6.2.10",
        "passwords should be changed when they may be known, and not after some time",
    ),
    (
        "block_common",
        lambda policy: not policy.block_common,
        f"{_NIST}, 3.1.1.2; {_ASVS}, 6.2.4",
        "new passwords must be compared with a list of common ones",
    ),
    (
        "block_context",
        lambda policy: not policy.block_context,
        f"{_NIST}, 3.1.1.2; {_ASVS}, 6.2.11",
        "new passwords must be compared with words such as the username",
    ),
)


def _of_length(password: str, policy: PasswordPolicy) -> list[tuple[str, str]]:
    length = len(normalised(password))
    if length < policy.min_length:
        return [("too_short", f"must be at least {policy.min_length} characters long")]
    if length > policy.max_length:
        return [("too_long", f"must not be longer than {policy.max_length} characters")]
    return []


def _of_characters(password: str, policy: PasswordPolicy) -> list[tuple[str, str]]:
    text = normalised(password)
    return [
        (code, f"must hold {wanted}")
        for name, (code, wanted, fits) in _CLASSES.items()
        if getattr(policy, name) and not any(map(fits or _is_special, text))
    ]


def _is_special(character: str) -> bool:
    """Punctuation, symbols and spaces."""
    return unicodedata.category(character)[0] in "PSZ"


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _is_context_word(password: str, context: tuple[str | None, ...]) -> bool:
    core = _core(password)
    words = {_core(word.partition("@")[0]) for word in context if word} | {PRODUCT}
    return any(_is_word(core, word) or _is_word(core[::-1], word) for word in words if word)


def _is_word(core: str, word: str) -> bool:
    return core == word or _repeats(core, word)


def _repeats(core: str, word: str) -> bool:
    pieces = "".join(character for character in core if character.isalnum())
    plain = "".join(character for character in word if character.isalnum())
    return bool(plain) and pieces == plain * (len(pieces) // len(plain)) and len(pieces) > 0


def _core(text: str) -> str:
    """Folded, less the digits and symbols at both ends."""
    whole = folded(text)
    letters = [i for i, character in enumerate(whole) if character.isalpha()]
    return whole[letters[0] : letters[-1] + 1] if letters else whole


def folded(password: str) -> str:
    """The form in which passwords are compared with words, without regard to case."""
    return normalised(password).casefold()
