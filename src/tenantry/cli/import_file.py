"""Files of people: CSV with a header, or JSON lines. Every row is judged, every fault is named."""

import csv
import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

import msgspec

from tenantry.cli import safe
from tenantry.cli.derive import shape_of
from tenantry.errors import AccountError
from tenantry.users.model import UserCreator
from tenantry.users.names import fold

ATTRIBUTE: Final = "attributes."
_TYPES: Final[dict[str, Any]] = {  # Any: type expressions
    f.name: f.type for f in msgspec.structs.fields(UserCreator)
}
_LISTS: Final = frozenset(name for name, kind in _TYPES.items() if shape_of(kind).many)


class Row(NamedTuple):
    """A person, and the row as a spreadsheet or an editor counts it, from 1."""

    number: int
    user: UserCreator


class Fault(NamedTuple):
    """Something wrong in a row."""

    row: int
    username: str
    field: str
    message: str


@dataclass
class Reading:
    """What a file holds: rows that are well-formed, and the faults of the others."""

    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read(path: Path) -> Reading:
    """All rows of a file. AccountError when it is no such file at all.

    JSON lines are known by the brace that the first one begins with.
    """
    reading = Reading()
    unique = _Unique()
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            start = file.read(4096).lstrip()[:1]
            file.seek(0)
            if start == "[":
                raise AccountError(f"{path} is a JSON array; write one object a line instead.")
            for number, values in (_json_lines if start == "{" else _csv_rows)(file, reading):
                _add(reading, unique, number, values)
        except UnicodeDecodeError:
            raise AccountError(f"{path} is not text in UTF-8; save it as such.") from None
        except csv.Error as error:
            raise AccountError(f"{path} is no CSV: {error}.") from error
    return reading


class _Unique:
    """Names and addresses seen so far, in the form in which the server compares them."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._emails: dict[str, int] = {}

    def faults(self, number: int, user: UserCreator) -> Iterator[Fault]:
        """What this row repeats of earlier ones."""
        kinds = (("username", user.username, self._names), ("email", user.email, self._emails))
        for name, value, seen in kinds:
            if value is not None:
                first = seen.setdefault(fold(value[:1024]), number)
                if first != number:
                    message = f"stands in row {first} already"
                    yield Fault(number, user.username, name, message)


def _add(reading: Reading, unique: _Unique, number: int, values: Mapping[str, Any]) -> None:
    try:
        user = msgspec.convert(values, UserCreator, strict=False)
    except msgspec.ValidationError:
        reading.faults += _faults_of(number, values)
        return
    repeated = list(unique.faults(number, user))
    if repeated:
        reading.faults += repeated
    else:
        reading.rows.append(Row(number, user))


def _faults_of(number: int, values: Mapping[str, Any]) -> Iterator[Fault]:
    """Every fault of a row that is not well-formed; its values are not repeated."""
    username = str(values.get("username") or "")[:256]
    for name, value in values.items():
        if name not in _TYPES:
            yield Fault(number, username, name[:64], _unknown(name))
            continue
        try:
            msgspec.convert(value, _TYPES[name], strict=False)
        except msgspec.ValidationError as error:
            text = str(error).replace("`", "")
            yield Fault(number, username, name, text[0].lower() + text[1:])
    if "username" not in values:
        yield Fault(number, username, "username", "is required")


def _json_lines(file: TextIO, reading: Reading) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            values = msgspec.json.decode(line)
        except (ValueError, RecursionError) as error:
            reading.faults.append(Fault(number, "", "", f"is no JSON: {error}"))
            continue
        if isinstance(values, dict):
            yield number, values
        else:
            reading.faults.append(Fault(number, "", "", "is no JSON object"))


def _csv_rows(file: TextIO, reading: Reading) -> Iterator[tuple[int, Mapping[str, Any]]]:
    header_line = file.readline()
    file.seek(0)
    delimiter = max(",;\t", key=header_line.count)
    rows = csv.reader(file, delimiter=delimiter, strict=True)
    header = [name.strip() for name in next(rows, [])]
    _check_header(header)
    readers = [_reader(name) for name in header]
    width = len(header)
    for number, cells in enumerate(rows, 2):
        if len(cells) == width:
            yield number, _values(header, readers, cells)
        elif cells:
            message = f"has {len(cells)} cells where the header has {width}"
            reading.faults.append(Fault(number, "", "", message))


def _values(
    header: Sequence[str], readers: Sequence["_Reader | None"], cells: Sequence[str]
) -> dict[str, Any]:
    """The cells by field; an empty one says nothing."""
    values: dict[str, Any] = {}
    for name, reader, text in zip(header, readers, cells, strict=True):
        if text:
            plain = safe.uncell(text)
            if reader is None:
                values[name] = plain
            else:
                reader(values, plain)
    return values


_Reader = Callable[[dict[str, Any], str], None]


def _reader(name: str) -> _Reader | None:
    """What puts a cell of this column where it belongs; None where it goes in as it is."""
    if name.startswith(ATTRIBUTE):
        key = name.removeprefix(ATTRIBUTE)
        return lambda values, text: values.setdefault("attributes", {}).__setitem__(key, text)
    if name == "attributes":
        return _read_attributes
    if name == "group_ids":  # names of groups may hold spaces
        return lambda values, text: values.__setitem__(name, _parts(text))
    if name in _LISTS:
        return lambda values, text: values.__setitem__(name, text.replace(";", " ").split())
    return None


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _read_attributes(values: dict[str, Any], text: str) -> None:
    """A JSON object; what is none stays text, which is then refused like any wrong type."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    if isinstance(found, dict):
        values["attributes"] = found | values.get("attributes", {})
    else:
        values["attributes"] = text


def _check_header(header: Sequence[str]) -> None:
    problems = [f"{name or '(empty)'}: {_unknown(name)}" for name in header if not _is_known(name)]
    doubled = sorted({name for name in header if header.count(name) > 1})
    problems += [f"{name}: is there twice" for name in doubled]
    if "username" not in header:
        problems.append("username: is required")
    if problems:
        raise AccountError("The first row must name the columns. " + "; ".join(problems))


def _is_known(name: str) -> bool:
    return name in _TYPES or (name.startswith(ATTRIBUTE) and len(name) > len(ATTRIBUTE))


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name[:64], list(_TYPES), n=1)
    return f"is not known; did you mean {near[0]}?" if near else "is not known"


def batches(rows: Iterable[Row], most_rows: int, most_bytes: int) -> Iterator[list[Row]]:
    """Rows in portions that a server takes in one request.

    A password in clear weighs as much as 20 rows, since the server takes that long to hash it.
    """
    batch: list[Row] = []
    weight = size = 0
    for row in rows:
        its_weight = 20 if row.user.password is not None else 1
        its_size = len(msgspec.json.encode(row.user)) + 1
        if batch and (weight + its_weight > most_rows or size + its_size > most_bytes):
            yield batch
            batch, weight, size = [], 0, 0
        batch.append(row)
        weight += its_weight
        size += its_size
    if batch:
        yield batch
