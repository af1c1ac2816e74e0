"""The import path `matrixone`: our classes under the printed names, and nothing else."""

import matrixone
import matrixone.config
import matrixone.exceptions
import pytest

import tenantry
import tenantry.config
from tenantry.config import ConnectionParams


def test_the_names_are_tenantrys_own() -> None:
    assert matrixone.Client is tenantry.Client
    assert matrixone.AsyncClient is tenantry.AsyncClient
    for name in matrixone.exceptions.__all__:
        assert getattr(matrixone.exceptions, name) is getattr(tenantry.errors, name)


def test_there_is_nothing_but_the_printed_names() -> None:
    assert matrixone.__all__ == ["AsyncClient", "Client"]
    assert matrixone.config.__all__ == ["get_connection_params"]
    for module in (matrixone, matrixone.config, matrixone.exceptions):
        public = {n for n in vars(module) if not n.startswith("_")} - {"config", "exceptions"}
        assert public - {"partial"} == set(module.__all__)


def test_variables_of_the_other_system_count_after_our_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    for name in ConnectionParams._fields:
        monkeypatch.delenv(f"TENANTRY_{name.upper()}", raising=False)
    monkeypatch.setenv("TENANTRY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MATRIXONE_HOST", "db.example.org")
    monkeypatch.setenv("MATRIXONE_PORT", "6001")
    monkeypatch.setenv("MATRIXONE_USER", "theirs")
    monkeypatch.setenv("TENANTRY_USER", "ours")
    found = matrixone.config.get_connection_params(database="given")
    assert found == ("db.example.org", 6001, "ours", "", "given")
    own = tenantry.config.get_connection_params()
    assert (own.host, own.port, own.user) == ("127.0.0.1", 8420, "ours")
