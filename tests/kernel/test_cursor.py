"""A cursor fits one question only, and nobody can make one."""

import base64

import pytest

from tenantry.errors import InvalidInput
from tenantry.kernel.page import seal, unseal

KEY = b"k" * 32
QUESTION = ["scope", {"name": "x"}, "username"]


def test_a_cursor_gives_its_position_back() -> None:
    for position in (["a"], ["ä\n\"'", "0190"], ["", ""]):
        assert unseal(KEY, QUESTION, seal(KEY, QUESTION, position)) == position


def test_a_cursor_stands_in_a_url_as_it_is() -> None:
    cursor = seal(KEY, QUESTION, ["\U0001f600" * 10, "?/+&="])
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    ("key", "question"),
    [
        (b"l" * 32, QUESTION),
        (KEY, ["other", {"name": "x"}, "username"]),
        (KEY, ["scope", {"name": "y"}, "username"]),
        (KEY, ["scope", {"name": "x"}, "-username"]),
        (KEY, []),
    ],
)
def test_a_cursor_of_another_question_or_key_is_refused(key: bytes, question: object) -> None:
    cursor = seal(KEY, QUESTION, ["a", "b"])
    with pytest.raises(InvalidInput) as refused:
        unseal(key, question, cursor)
    assert refused.value.field == "cursor"
    assert refused.value.violations[0].code == "invalid_cursor"


def test_a_position_cannot_be_made_without_the_key() -> None:
    for forged in (
        base64.urlsafe_b64encode(b"\0" * 16 + b'["a","b"]').decode().rstrip("="),
        base64.urlsafe_b64encode(b'["a","b"]').decode().rstrip("="),
        "",
        "=",
        "é",
        "A" * 100_000,
    ):
        with pytest.raises(InvalidInput):
            unseal(KEY, QUESTION, forged)


def test_two_halves_of_two_cursors_are_no_cursor() -> None:
    one, two = (seal(KEY, QUESTION, [name, "1"]) for name in ("a", "b"))
    with pytest.raises(InvalidInput):
        unseal(KEY, QUESTION, one[:-6] + two[-6:] if one[-6:] != two[-6:] else one[:22] + two[22:])
