import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

from .conftest import Command

EXAMPLES = Path(__file__).parents[2] / "examples"
FreshName = Callable[[], str]


def errors(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_the_examples_can_be_imported_and_imported_again(
    tenantry: Command, stranger: Command, tmp_path: Path
) -> None:
    for name, count in (("people.csv", 12), ("people.jsonl", 4)):
        file = str(shutil.copy(EXAMPLES / name, tmp_path))
        dry = tenantry("user", "import", file, "--dry-run")
        assert dry.code == 0, dry.err
        assert dry.out.startswith("Nothing was written.")
        done = tenantry("user", "import", file)
        assert (done.code, done.out) == (0, f"Rows: {count} created, 0 unchanged, 0 refused.\n")
        again = tenantry("user", "import", file)
        assert (again.code, again.out) == (0, f"Rows: 0 created, {count} unchanged, 0 refused.\n")
    found = tenantry("user", "search", "王小明", "--output", "ndjson").lines
    assert [user["username"] for user in found] == ["wang.xiaoming"]

    other = stranger.with_environment(XDG_CONFIG_HOME=str(tmp_path / "other"))
    for user, password in (("ada", "a bicycle made for two"), ("grace", "eleven blue umbrellas")):
        login = other("login", user, "--password-file", "-", stdin=password)
        assert login.code == 0, login.err


def test_a_file_with_a_fault_writes_nothing_and_every_fault_is_told(
    tenantry: Command, fresh_name: FreshName, tmp_path: Path
) -> None:
    good = fresh_name()
    file = tmp_path / "p.csv"
    rows = [
        "username,email,container_uid",
        f"{good},,",
        f"{good.upper()},,",  # the same name again
        "x y#:,,",  # the server's rule
        f"{fresh_name()},,seven",
        f"{fresh_name()},",
    ]
    file.write_text("\n".join(rows))
    done = tenantry("user", "import", str(file))
    assert done.code == 7
    assert "Nothing was written" in done.out
    assert tenantry("user", "get", good).code == 5
    told = errors(tmp_path / "p.csv.errors.csv")
    assert [(row["row"], row["field"]) for row in told] == [
        ("3", "username"),
        ("4", "username"),
        ("5", "container_uid"),
        ("6", ""),
    ]

    skipped = tenantry("user", "import", str(file), "--skip-invalid", "--output", "ndjson")
    assert skipped.code == 7
    assert [line["outcome"] for line in skipped.lines] == ["created"] + ["refused"] * 4
    assert "1 created, 0 unchanged, 4 refused" in skipped.err


def test_the_faults_of_an_earlier_run_go_away(
    tenantry: Command, fresh_name: FreshName, tmp_path: Path
) -> None:
    file = tmp_path / "p.csv"
    file.write_text("username,container_uid\nx,seven\n")
    assert tenantry("user", "import", str(file)).code == 7
    faults = tmp_path / "p.csv.errors.csv"
    assert faults.exists()
    file.write_text(f"username,container_uid\n{fresh_name()},1007\n")
    assert tenantry("user", "import", str(file)).code == 0
    assert not faults.exists()


def test_many_rows_go_in_several_requests(
    tenantry: Command, fresh_name: FreshName, tmp_path: Path
) -> None:
    name = fresh_name()
    file = tmp_path / "p.csv"
    lines = "".join(f"{name}{n:04},{name}\n" for n in range(2500))
    file.write_text("username,department\n" + lines)
    done = tenantry("user", "import", str(file))
    assert (done.code, done.out) == (0, "Rows: 2500 created, 0 unchanged, 0 refused.\n")
    words = ("--department", name, "--all", "--output", "ndjson")
    assert len(tenantry("user", "search", *words).lines) == 2500


def test_a_header_that_is_wrong_is_one_error(tenantry: Command, tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("user_name,emial\nx,y\n")
    done = tenantry("user", "import", str(file))
    assert done.code == 1
    assert "did you mean username" in done.err
    assert "did you mean email" in done.err
