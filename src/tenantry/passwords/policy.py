"""The password policy, as a pure function from a password to what is wrong with it.

After NIST SP 800-63B-4, section 3.1.1: length first, no composition rules, and comparison of
the whole password, never of a part, with words that an attacker tries first.
"""

import unicodedata
from dataclasses import dataclass

from tenantry.errors import PasswordRejected, Violation

MAX_BYTES = 512
PRODUCT = "tenantry"


@dataclass(frozen=True)
class PasswordPolicy:
    """Lengths count code points of the NFKC form."""

    min_length: int = 12
    max_length: int = 128
    block_context: bool = True


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
        message = f"must not be longer than {policy.max_length} characters"
        return [Violation(field, "too_long", message)]
    length = len(normalised(password))
    found = []
    if length < policy.min_length:
        message = f"must be at least {policy.min_length} characters long"
        found.append(Violation(field, "too_short", message))
    if length > policy.max_length:
        message = f"must not be longer than {policy.max_length} characters"
        found.append(Violation(field, "too_long", message))
    if policy.block_context and _is_context_word(password, context):
        message = "must not be the username, the email address, the tenant or the product"
        found.append(Violation(field, "context_word", message))
    return found


def require_acceptable(
    password: object, policy: PasswordPolicy, context: tuple[str | None, ...], field: str
) -> None:
    """PasswordRejected with all violations, if there are any."""
    found = violations(password, policy, context, field)
    if found:
        raise PasswordRejected(found)


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _is_context_word(password: str, context: tuple[str | None, ...]) -> bool:
    core = _core(password)
    words = {_core(word.partition("@")[0]) for word in context if word} | {PRODUCT}
    return any(
        (word and core in (word, word[::-1])) or (word and _repeats(core, word)) for word in words
    )


def _repeats(core: str, word: str) -> bool:
    pieces = "".join(character for character in core if character.isalnum())
    plain = "".join(character for character in word if character.isalnum())
    return bool(plain) and pieces == plain * (len(pieces) // len(plain)) and len(pieces) > 0


def _core(text: str) -> str:
    """Folded, less the digits and symbols at both ends."""
    folded = normalised(text).casefold()
    letters = [i for i, character in enumerate(folded) if character.isalpha()]
    return folded[letters[0] : letters[-1] + 1] if letters else folded
