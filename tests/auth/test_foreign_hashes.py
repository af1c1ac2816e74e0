"""Passwords hashed elsewhere: they log in, and are hashed our way then."""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import bcrypt
import pytest
from argon2 import PasswordHasher, Type

from tenantry.app import App
from tenantry.auth.actions import AuthenticationResult
from tenantry.errors import UserCreationBadRequest
from tenantry.testing.users import PASSWORD, make_user

pytestmark = pytest.mark.anyio

Login = Callable[[str, str], Awaitable[AuthenticationResult]]
SALT = b"sixteen salt byt"


def _phc(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _passlib(raw: bytes) -> str:
    return _phc(raw).replace("+", ".")


def _pbkdf2(digest: str, salt: bytes, rounds: int = 1000) -> bytes:
    return hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), salt, rounds)


def _scrypt(salt: bytes, n: int = 1024) -> bytes:
    return hashlib.scrypt(PASSWORD.encode(), salt=salt, n=n, r=8, p=1, dklen=64)


def _argon2(kind: Type) -> str:
    return PasswordHasher(time_cost=2, memory_cost=64, parallelism=2, type=kind).hash(PASSWORD)


def _bcrypt(variant: str) -> str:
    made = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    return made.replace("$2b$", f"${variant}$")


def _django_pbkdf2(digest: str) -> str:
    made = base64.b64encode(_pbkdf2(digest, b"seasalt")).decode()
    return f"pbkdf2_{digest}$1000$seasalt${made}"


MADE = {
    "bcrypt 2b": _bcrypt("2b"),
    "bcrypt 2a": _bcrypt("2a"),
    "bcrypt 2y": _bcrypt("2y"),
    "django sha256": _django_pbkdf2("sha256"),
    "django sha1": _django_pbkdf2("sha1"),
    "phc sha256": f"$pbkdf2-sha256$i=1000${_phc(SALT)}${_phc(_pbkdf2('sha256', SALT))}",
    "phc sha512": f"$pbkdf2-sha512$i=1000,l=64${_phc(SALT)}${_phc(_pbkdf2('sha512', SALT))}",
    "passlib sha512": f"$pbkdf2-sha512$1000${_passlib(SALT)}${_passlib(_pbkdf2('sha512', SALT))}",
    "phc scrypt": f"$scrypt$ln=10,r=8,p=1${_phc(SALT)}${_phc(_scrypt(SALT))}",
    "django scrypt": "scrypt$1024$seasalt$8$1$" + base64.b64encode(_scrypt(b"seasalt")).decode(),
    "argon2id": _argon2(Type.ID),
    "argon2i": _argon2(Type.I),
    "argon2d": _argon2(Type.D),
}

# Printed in the documentation or the tests of the programs that made them.
PUBLISHED = {
    "passlib pbkdf2": (
        "toomanysecrets",
        "$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk",
    ),
    "django scrypt": (
        "lètmein",
        "scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkX"
        "FRkdVCBhhY8mx7rQwite/Pw==",
    ),
    "bcrypt": ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
}


@pytest.mark.parametrize("name", MADE)
async def test_a_foreign_hash_logs_in_and_becomes_our_own(
    tenantry: App, owner: asyncpg.Connection, login: Login, name: str
) -> None:
    await make_user(tenantry, "ada", password=None, password_hash=MADE[name])
    assert not (await login("ada", PASSWORD + "x")).success
    stored = await owner.fetchval("select password_hash from users where username = 'ada'")
    assert stored == MADE[name]
    assert (await login("ada", PASSWORD)).success
    stored = await owner.fetchval("select password_hash from users where username = 'ada'")
    assert stored.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert (await login("ada", PASSWORD)).success
    again = await owner.fetchval("select password_hash from users where username = 'ada'")
    assert again == stored


@pytest.mark.parametrize(("password", "stored"), PUBLISHED.values(), ids=list(PUBLISHED))
async def test_published_hashes_fit_their_passwords(
    tenantry: App, login: Login, password: str, stored: str
) -> None:
    await make_user(tenantry, "ada", password=None, password_hash=stored)
    assert not (await login("ada", password + "x")).success
    assert (await login("ada", password)).success


async def test_a_password_of_more_than_72_bytes_meets_bcrypt_as_bcrypt_cut_it(
    tenantry: App, login: Login
) -> None:
    long = "x" * 100
    stored = bcrypt.hashpw(long[:72].encode(), bcrypt.gensalt(4)).decode()
    await make_user(tenantry, "ada", password=None, password_hash=stored)
    assert (await login("ada", long)).success
    assert not (await login("ada", "x" * 72)).success


async def test_a_rehash_ends_no_session(
    tenantry: App, login: Login, identify: Callable[[str | None], Awaitable[Any]]
) -> None:
    await make_user(tenantry, "ada", password=None, password_hash=MADE["bcrypt 2b"])
    first = await login("ada", PASSWORD)
    await login("ada", PASSWORD)
    assert (await identify(first.session_token)).name == "ada"


COSTLY_OR_BROKEN = {
    "bcrypt cost 15": "$2b$15$" + "a" * 53,
    "bcrypt cost 3": "$2b$03$" + "a" * 53,
    "bcrypt of another length": "$2b$04$" + "a" * 52,
    "pbkdf2 of ten million rounds": "pbkdf2_sha256$10000000$salt$" + "A" * 44,
    "pbkdf2 of no rounds": "pbkdf2_sha256$0$salt$" + "A" * 44,
    "phc pbkdf2 of ten million rounds": "$pbkdf2-sha256$i=10000000$c2FsdHNhbHQ$" + "A" * 43,
    "pbkdf2 with another digest": "pbkdf2_md5$1000$salt$" + "A" * 44,
    "pbkdf2 of no base64": "pbkdf2_sha256$1000$salt$" + "A" * 17,
    "scrypt of a gigabyte": "$scrypt$ln=20,r=8,p=1$c2FsdHNhbHQ$" + "A" * 43,
    "scrypt of many rounds": "$scrypt$ln=17,r=8,p=16$c2FsdHNhbHQ$" + "A" * 43,
    "scrypt of an odd size": "scrypt$1000$salt$8$1$" + "A" * 44,
    "scrypt of ninety-nine": "$scrypt$ln=99,r=8,p=1$c2FsdHNhbHQ$" + "A" * 43,
    "argon2 of a gigabyte": "$argon2id$v=19$m=1048576,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43,
    "argon2 of a thousand passes": "$argon2id$v=19$m=64,t=1000,p=1$c2FsdHNhbHQ$" + "A" * 43,
    "argon2 of much in all": "$argon2id$v=19$m=262144,t=16,p=1$c2FsdHNhbHQ$" + "A" * 43,
    "argon2 without numbers": "$argon2id$v=19$m=x,t=y,p=z$c2FsdHNhbHQ$" + "A" * 43,
    "plain text": "correct horse battery staple",
    "md5 in hex": "5f4dcc3b5aa765d61d8327deb882cf99",
    "unix crypt": "$6$rounds=5000$saltsalt$" + "a" * 86,
    "over-long": "$2b$04$" + "a" * 600,
    "another script": "pbkdf2_sha256$1000$sält$" + "A" * 44,
}


@pytest.mark.parametrize("stored", COSTLY_OR_BROKEN.values(), ids=list(COSTLY_OR_BROKEN))
async def test_a_costly_or_broken_hash_is_refused(tenantry: App, stored: str) -> None:
    with pytest.raises(UserCreationBadRequest) as refused:
        await make_user(tenantry, "ada", password=None, password_hash=stored)
    assert refused.value.field == "password_hash"
    assert stored not in str(refused.value)
