"""Records as lines of CSV, JSON lines or JSON, written while they arrive."""

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol, TextIO

import msgspec

from tenantry.cli import safe

Record = msgspec.Struct


class RecordWriter(Protocol):
    """Takes records in portions; ``end`` completes the text."""

    def write(self, records: Iterable[Record]) -> None: ...

    def end(self) -> None: ...


class CsvWriter:
    """With a header; what a spreadsheet would take for a formula gets a quote."""

    def __init__(self, out: TextIO, columns: Sequence[str]) -> None:
        self._columns = columns
        self._csv = csv.writer(out, lineterminator="\n")
        self._csv.writerow(columns)

    def write(self, records: Iterable[Record]) -> None:
        names = self._columns
        self._csv.writerows([csv_cell(getattr(r, n)) for n in names] for r in records)

    def end(self) -> None:
        """Nothing is missing."""


class NdjsonWriter:
    """One JSON object a line."""

    def __init__(self, out: TextIO, columns: Sequence[str]) -> None:
        self._out = out
        self._columns = columns

    def write(self, records: Iterable[Record]) -> None:
        for record in records:
            self._out.write(safe.shown_json(object_text(record, self._columns)) + "\n")

    def end(self) -> None:
        """Nothing is missing."""


class JsonWriter:
    """One JSON array."""

    def __init__(self, out: TextIO, columns: Sequence[str]) -> None:
        self._out = out
        self._columns = columns
        self._before = "[\n"

    def write(self, records: Iterable[Record]) -> None:
        for record in records:
            text = safe.shown_json(object_text(record, self._columns))
            self._out.write(self._before + text)
            self._before = ",\n"

    def end(self) -> None:
        self._out.write("[]\n" if self._before == "[\n" else "\n]\n")


WRITERS: dict[str, type[CsvWriter] | type[NdjsonWriter] | type[JsonWriter]] = {
    "csv": CsvWriter,
    "ndjson": NdjsonWriter,
    "json": JsonWriter,
}


def object_text(record: Record, columns: Sequence[str]) -> str:
    """The record as JSON, with these fields."""
    return msgspec.json.encode({n: getattr(record, n) for n in columns}).decode()


def csv_cell(value: Any) -> str:  # Any: a field of any type
    """A value as a CSV cell; the import reads it back."""
    plain = msgspec.to_builtins(value)
    if isinstance(plain, str):
        return safe.cell(plain)
    if plain is None:
        return ""
    if isinstance(plain, list) and not any(isinstance(p, list | dict) for p in plain):
        return safe.cell(";".join(str(p) for p in plain))
    if isinstance(plain, bool | list | dict):
        return json.dumps(plain, ensure_ascii=False) if plain != {} else ""
    return str(plain)  # a number's own minus starts no formula that does anything


def human(value: Any) -> str:  # Any: as above
    """A value as a person reads it, harmless for a terminal; times are local."""
    if isinstance(value, datetime):
        return value.astimezone().isoformat(" ", "seconds")
    return safe.shown(_told(msgspec.to_builtins(value)))


def _told(plain: Any) -> str:  # Any: what JSON can hold
    """A value in words: what is empty inside it is left out, and what is nested has brackets."""
    if plain is None:
        return ""
    if isinstance(plain, bool):
        return "yes" if plain else "no"
    if isinstance(plain, list):
        between = "; " if any(isinstance(p, dict) for p in plain) else ", "
        return between.join(_told(p) for p in plain)
    if not isinstance(plain, dict):
        return str(plain)
    said = ((name, one, _told(one)) for name, one in plain.items())
    return ", ".join(
        f"{name}=({text})" if isinstance(one, list | dict) else f"{name}={text}"
        for name, one, text in said
        if text
    )
