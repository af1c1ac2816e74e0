"""Where a client finds its server."""

import json
import os
import stat
from pathlib import Path

import pytest

from tenantry.config import (
    ConnectionParams,
    get_connection_params,
    read_connection,
    write_connection,
)
from tenantry.errors import ConfigurationError


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_defaults_are_the_servers_defaults(tmp_path: Path) -> None:
    params = get_connection_params(environ={"TENANTRY_DATA_DIR": str(tmp_path)})
    assert params == ("127.0.0.1", 8420, "root", "", "tenantry")


def test_arguments_go_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    write_connection(tmp_path, ConnectionParams("file", 1, "file", "file", "file"))
    environ = {
        "TENANTRY_DATA_DIR": str(tmp_path),
        "TENANTRY_HOST": "environment",
        "TENANTRY_PORT": "2",
    }
    params = get_connection_params("argument", environ=environ)
    assert params == ConnectionParams("argument", 2, "file", "file", "file")


def test_the_file_is_found_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_connection(Path(".tenantry"), ConnectionParams(password="secret"))
    assert get_connection_params(environ={}).password == "secret"


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTRY_USER", "ann")
    assert get_connection_params("h", 1, password="p", database="d").user == "ann"


def test_a_password_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    environ = {"TENANTRY_PASSWORD_FILE": str(tmp_path / "password")}
    assert get_connection_params("h", 1, "u", database="d", environ=environ).password == "secret"


def test_the_file_is_not_read_when_nothing_is_missing(tmp_path: Path) -> None:
    (tmp_path / "connection.json").write_text("broken")
    environ = {"TENANTRY_DATA_DIR": str(tmp_path)}
    assert get_connection_params("h", 1, "u", "p", "d", environ=environ).port == 1


@pytest.mark.parametrize("content", ["broken", "[]", '{"port": 0}', '{"host": 7}', '{"user": ""}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "connection.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"connection\.json"):
        read_connection(tmp_path)


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_bad_port_is_refused(port: str) -> None:
    with pytest.raises(ConfigurationError, match="port"):
        get_connection_params(environ={"TENANTRY_PORT": port})


def test_the_password_is_not_shown() -> None:
    params = ConnectionParams(password="secret")
    assert "secret" not in repr(params)
    assert "secret" not in f"{params}"


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        path = write_connection(tmp_path / "a" / "new", ConnectionParams(password="secret"))
    finally:
        os.umask(mask)
    assert not mode_of(tmp_path / "a") & 0o066
    assert mode_of(path) == 0o600
    assert not mode_of(path.parent) & 0o066
    assert json.loads(path.read_text())["password"] == "secret"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("before", "after"), [(0o400, 0o400), (0o600, 0o600), (0o644, 0o600)])
def test_a_mode_is_narrowed_and_never_widened(tmp_path: Path, before: int, after: int) -> None:
    path = write_connection(tmp_path, ConnectionParams())
    path.chmod(before)
    write_connection(tmp_path, ConnectionParams(password="secret"))
    assert mode_of(path) == after


def test_the_mode_of_an_existing_folder_stays(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    write_connection(tmp_path, ConnectionParams())
    assert mode_of(tmp_path) == 0o750


def test_a_link_in_the_files_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("kept")
    (tmp_path / "connection.json").symlink_to(tmp_path / "other")
    write_connection(tmp_path, ConnectionParams())
    assert (tmp_path / "other").read_text() == "kept"
