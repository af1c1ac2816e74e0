"""Encryption of secrets at rest: AES-256-GCM with several keys, the first of which encrypts.

The same keys sign what the database must not be able to make up (HMAC-SHA-256).

A sealed secret begins with the id of its key. What it is the secret of (its context) is
authenticated with it, so that nobody who can write to the database can move a secret from one
row to another.
"""

import binascii
import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenantry.errors import ConfigurationError

KEY_BYTES = 32
KEY_ID_BYTES = 8
NONCE_BYTES = 12
_SIGNING = b"tenantry signing"
_INTRODUCTION = (
    "# Encrypts secrets in the database. Keep a copy apart from the database's backups.\n"
    "# The first key encrypts, the others only decrypt. To change it, put a new one first.\n"
)


class Cipher:
    """Seals and opens secrets with keys that never leave it."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ConfigurationError(f"Keys of {KEY_BYTES} bytes are needed to encrypt secrets.")
        self._ciphers = {_id_of(key): AESGCM(key) for key in keys}
        self._signing = {_id_of(key): hmac.digest(key, _SIGNING, "sha256") for key in keys}
        self._first = _id_of(keys[0])

    @property
    def current_id(self) -> bytes:
        """What begins every secret that is sealed now."""
        return self._first

    def seal(self, secret: bytes, context: bytes) -> bytes:
        """The secret, encrypted for this context."""
        nonce = os.urandom(NONCE_BYTES)
        return self._first + nonce + self._ciphers[self._first].encrypt(nonce, secret, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The secret; ConfigurationError when no key here opens it, or not in this context."""
        key_id, rest = sealed[:KEY_ID_BYTES], sealed[KEY_ID_BYTES:]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise ConfigurationError(f"The key {key_id.hex()} that encrypted a secret is missing.")
        try:
            return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], context)
        except InvalidTag:
            raise ConfigurationError("A stored secret was damaged or moved.") from None

    def sign(self, message: bytes) -> bytes:
        """A signature that only who has the key can make or check."""
        return self._first + hmac.digest(self._signing[self._first], message, "sha256")

    def is_signed(self, message: bytes, signature: bytes) -> bool | None:
        """Whether one of the keys signed this message; None where its key is not here."""
        key = self._signing.get(signature[:KEY_ID_BYTES])
        if key is None:
            return None
        return hmac.compare_digest(signature[KEY_ID_BYTES:], hmac.digest(key, message, "sha256"))

    def require_known(self, key_ids: Iterable[bytes]) -> None:
        """ConfigurationError when secrets exist that no key here opens."""
        missing = sorted(key_id.hex() for key_id in set(key_ids) - self._ciphers.keys())
        if missing:
            raise ConfigurationError(
                "The database holds secrets of keys that the key file does not have "
                f"({', '.join(missing)}). Bring the key file back that belongs to this database."
            )


def read_keys(path: Path) -> Cipher:
    """The cipher with the keys of a file that an operator looks after."""
    _require_safe(path, stat.S_IWGRP | stat.S_IWOTH)
    return Cipher(_keys_in(path))


def ensure_keys(path: Path) -> Cipher:
    """The cipher with the keys of our own file, which the first start makes.

    Of several processes that start at once one makes it; all read that one.
    """
    if not path.exists():
        _create(path)
    _require_safe(path, stat.S_IRWXG | stat.S_IRWXO)
    return Cipher(_keys_in(path))


def new_key_line() -> str:
    """A fresh key as a line of a key file."""
    return b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _create(path: Path) -> None:
    """Write beside it, then link: the file appears whole or not at all, and never replaces one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    written = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{_INTRODUCTION}{new_key_line()}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(written, path)
        except FileExistsError:
            return  # another process was quicker; its key counts
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        written.unlink()


def _require_safe(path: Path, forbidden: int) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigurationError(f"The key file {path} cannot be read: {error}") from error
    if os.name == "posix" and mode & forbidden:
        raise ConfigurationError(
            f"The key file {path} is open to others (mode {stat.S_IMODE(mode):04o}); "
            "make it readable for the server alone."
        )


def _keys_in(path: Path) -> list[bytes]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The key file {path} cannot be read.") from error
    keys = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            key = b64decode(text, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != KEY_BYTES:
            message = f"Line {number} of the key file {path} is no key of {KEY_BYTES} bytes."
            raise ConfigurationError(message)
        keys.append(key)
    if not keys:
        raise ConfigurationError(f"The key file {path} holds no key.")
    return keys


def _id_of(key: bytes) -> bytes:
    """A name for the key that tells nothing of it."""
    return hashlib.sha256(b"tenantry key id\0" + key).digest()[:KEY_ID_BYTES]
