"""A client costs no more to import than it needs."""

import subprocess
import sys

import pytest

HEAVY = {
    "alembic",
    "argon2",
    "asyncpg",
    "click",
    "cryptography",
    "email_validator",
    "httpx2",
    "prometheus_client",
    "pyotp",
    "rich",
    "sqlalchemy",
    "starlette",
    "uvicorn",
    "valkey",
}

CONNECTED = (
    "from tenantry import AsyncClient, Client\n"
    "with Client('127.0.0.1', 1, 'root', 'secret', 'tenantry') as client: client.account\n"
)


@pytest.mark.parametrize("code", ["import tenantry\n", CONNECTED], ids=["package", "client"])
def test_nothing_heavy_is_imported_before_it_is_needed(code: str) -> None:
    report = f"import sys; print(sorted({HEAVY!r} & {{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
