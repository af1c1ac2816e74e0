"""Text from elsewhere, made harmless for a terminal and for a spreadsheet."""

import unicodedata
from typing import Final

# Zero-width joiners are letters' business in Persian and Indic names; all other format characters
# (bidi overrides, invisible signs) can make one name look like another.
_JOINERS: Final = "\u200c\u200d"
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def shown(text: str) -> str:
    """The text with control, bidi and invisible characters written as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if _is_unsafe(c) else c for c in text)


def shown_lines(text: str) -> str:
    """The same, but line breaks stay."""
    return "\n".join(shown(line) for line in text.split("\n"))


def shown_json(text: str) -> str:
    """JSON with such characters as ``\\u`` escapes, which only ever stand inside its strings."""
    if text.isascii():
        return text.replace("\x7f", "\\u007f")
    return "".join(_json_escaped(c) if c != "\n" and _is_unsafe(c) else c for c in text)


def cell(text: str) -> str:
    """A CSV cell that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(_FORMULA) else text


def uncell(text: str) -> str:
    """What `cell` was given."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE and character not in _JOINERS


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _json_escaped(character: str) -> str:
    pairs = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{pairs[i : i + 4]}" for i in range(0, len(pairs), 4))
