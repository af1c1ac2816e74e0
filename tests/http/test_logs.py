"""The log: one JSON object a line, whatever is in a message."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from tenantry.http.logs import JsonLines, set_up_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    handlers, level = logging.root.handlers[:], logging.root.level
    made = io.StringIO()
    set_up_logging("info", made)
    yield made
    logging.captureWarnings(capture=False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_a_record_is_one_line_of_ascii(stream: io.StringIO) -> None:
    logging.getLogger("a").warning("user %s", 'x\r\n{"level": "fake"}\x1b[31m\u2028\u202e')
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert lines[0].isascii()
    line = json.loads(lines[0])
    assert (line["level"], line["logger"]) == ("warning", "a")
    assert line["message"].startswith("user x\r\n{")
    assert "\x1b" not in lines[0]


def test_a_traceback_stays_on_its_line(stream: io.StringIO) -> None:
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("a").exception("broken")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: why" in json.loads(line)["exception"]


def test_fields_stand_beside_the_message_and_do_not_replace_it(stream: io.StringIO) -> None:
    fields = {"action": "user.create", "level": "fake", "path": object}
    logging.getLogger("a").info("action", extra={"fields": fields})
    line = json.loads(stream.getvalue())
    assert (line["action"], line["level"]) == ("user.create", "info")


def test_the_level_is_that_of_the_settings(stream: io.StringIO) -> None:
    logging.getLogger("a").debug("too fine")
    logging.getLogger("uvicorn.error").info("Started server process")
    assert stream.getvalue() == ""


def test_the_time_is_utc() -> None:
    record = logging.makeLogRecord({"msg": "x", "created": 0.0})
    assert json.loads(JsonLines().format(record))["time"] == "1970-01-01T00:00:00.000+00:00"


def test_even_half_a_character_can_be_written() -> None:
    # Not sent through a logger: what pytest captures of those must be UTF-8.
    line = JsonLines().format(logging.makeLogRecord({"msg": "\ud800"}))
    assert line.isascii()
    assert json.loads(line)["message"] == "\ud800"
