from pathlib import Path

import pytest

from tenantry.cli.import_file import Reading, Row, batches, read
from tenantry.errors import AccountError
from tenantry.users.model import UserCreator, UserRole


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people"


def read_text(file: Path, text: str, encoding: str = "utf-8") -> Reading:
    file.write_bytes(text.encode(encoding))
    return read(file)


def test_cells_become_values_and_empty_ones_say_nothing(file: Path) -> None:
    text = (
        "username,email,role,need_password_change,container_gids,allowed_client_ip,attributes.x\n"
        "ann,,monitor,TRUE,1001;1002,10.0.0.0/8 192.0.2.7,y\n"
    )
    reading = read_text(file, text)
    assert reading.faults == []
    number, ann = reading.rows[0]
    assert number == 2
    assert (ann.role, ann.need_password_change, ann.email) == (UserRole.MONITOR, True, None)
    assert ann.container_gids == [1001, 1002]
    assert ann.allowed_client_ip == ["10.0.0.0/8", "192.0.2.7"]
    assert ann.attributes == {"x": "y"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_what_spreadsheets_write_is_read(file: Path, delimiter: str, encoding: str) -> None:
    text = f'username{delimiter}full_name\r\nann{delimiter}"Müller, Ann; ""A\nB"""\r\n\r\n'
    reading = read_text(file, text, encoding)
    assert [row.user.full_name for row in reading.rows] == ['Müller, Ann; "A\nB"']


def test_a_name_that_looks_like_null_stays_a_name(file: Path) -> None:
    row = read_text(file, "username,full_name,phone\nnull,None,007\n").rows[0]
    assert (row.user.username, row.user.full_name, row.user.phone) == ("null", "None", "007")


def test_the_quote_against_formulas_is_taken_away(file: Path) -> None:
    row = read_text(file, "username,phone,full_name\nann,'+49 30,'Ann\n").rows[0]
    assert (row.user.phone, row.user.full_name) == ("+49 30", "'Ann")


def test_attributes_may_be_one_json_cell(file: Path) -> None:
    text = 'username,attributes,attributes.b\nann,"{""a"": 1}",2\nbob,nonsense,\n'
    reading = read_text(file, text)
    assert reading.rows[0].user.attributes == {"a": 1, "b": "2"}
    assert [(fault.row, fault.field) for fault in reading.faults] == [(3, "attributes")]


def test_json_lines_are_known_by_their_brace(file: Path) -> None:
    reading = read_text(
        file, '\n{"username": "ann", "attributes": {"n": 1}}\n[1]\n{"user": 1}\n{\n'
    )
    assert [(row.number, row.user.username) for row in reading.rows] == [(2, "ann")]
    assert [(fault.row, fault.field) for fault in reading.faults] == [
        (3, ""),
        (4, "user"),
        (4, "username"),
        (5, ""),
    ]


def test_names_and_addresses_repeat_in_any_form(file: Path) -> None:
    text = "username,email\nAnn,a@b.org\nann,c@b.org\nann2,A@B.org\nＡＮＮ,d@b.org\n"
    reading = read_text(file, text)
    assert len(reading.rows) == 1
    assert [(fault.row, fault.field) for fault in reading.faults] == [
        (3, "username"),
        (4, "email"),
        (5, "username"),
    ]
    assert "row 2" in reading.faults[0].message


def test_every_fault_of_a_row_is_named_and_no_secret_repeated(file: Path) -> None:
    text = '{"username": "ann", "password": 12345678, "role": "king", "nmae": 1}\n'
    faults = read_text(file, text).faults
    assert sorted(fault.field for fault in faults) == ["nmae", "password", "role"]
    assert "12345678" not in repr(faults)


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "username,username\n", "username,\n", '[{"username": "a"}]', "{"]
)
def test_a_file_of_another_kind_is_refused_or_faulty(file: Path, text: str) -> None:
    try:
        reading = read_text(file, text)
    except AccountError:
        return
    assert reading.faults


@pytest.mark.parametrize("content", [b"username\n\xff\xfe\n", b'username\n"open\n', b"PK\x03\x04"])
def test_a_file_that_is_no_text_table_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(AccountError):
        read(file)


def test_batches_respect_rows_bytes_and_passwords() -> None:
    plain = [Row(n, UserCreator(username=f"u{n}")) for n in range(5)]
    assert [len(batch) for batch in batches(plain, 2, 10**6)] == [2, 2, 1]
    assert [len(batch) for batch in batches(plain, 100, 1)] == [1] * 5
    clear = [Row(n, UserCreator(username=f"u{n}", password="x")) for n in range(5)]
    assert [len(batch) for batch in batches(clear, 40, 10**6)] == [2, 2, 1]
    assert list(batches([], 10, 10)) == []
