"""The form in which PostgreSQL keeps a password, made here: no statement holds the password."""

import hashlib
import hmac
import os
from base64 import b64encode

from tenantry.databases.names import require_ascii

ROUNDS = 4096


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """A SCRAM-SHA-256 verifier. The password must be ASCII, for which no preparation is needed."""
    salt = salt or os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", require_ascii(password), salt, ROUNDS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored = b64encode(hashlib.sha256(client).digest()).decode()
    server = b64encode(hmac.digest(salted, b"Server Key", "sha256")).decode()
    return f"SCRAM-SHA-256${ROUNDS}:{b64encode(salt).decode()}${stored}:{server}"
