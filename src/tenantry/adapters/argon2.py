"""Password hashing: Argon2id for our own, and verification of hashes made elsewhere.

The cost follows OWASP's Password Storage Cheat Sheet (m=19456, t=2, p=1 at least). The hash
releases the interpreter lock, so a few threads keep the event loop free.
"""

import base64
import hashlib
import hmac
import os
import re
from contextlib import AbstractContextManager
from functools import partial

import bcrypt
from argon2 import PasswordHasher as Argon2
from argon2 import Type, extract_parameters
from argon2.exceptions import HashingError, InvalidHashError, VerificationError

from tenantry.adapters.argon2_memory import WorkingMemory
from tenantry.adapters.hash_threads import HashThreads
from tenantry.passwords.policy import normalised

_MAX_ARGON2_MEMORY_KIB = 1 << 18
_MAX_ARGON2_TIME = 16
_MAX_ARGON2_WORK = 1 << 20  # KiB times passes: about as much as bcrypt at its highest cost
_MAX_PBKDF2_ROUNDS = 2_000_000
_MAX_SCRYPT_MEMORY = 1 << 28
_MAX_SCRYPT_WORK = 1 << 22
_MAX_BCRYPT_COST = 14
_BCRYPT_BYTES = 72

_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
_DJANGO_PBKDF2 = re.compile(
    r"pbkdf2_(sha1|sha256|sha512)\$(\d{1,8})\$([^$]{1,64})\$([\w+/=]{16,128})"
)
_PHC_PBKDF2 = re.compile(
    r"\$pbkdf2-(sha1|sha256|sha512)\$(?:i=)?(\d{1,8})(?:,l=\d+)?\$([\w./+]{8,128})\$([\w./+]{16,128})"
)
_DJANGO_SCRYPT = re.compile(
    r"scrypt\$(\d{1,7})\$([^$]{1,64})\$(\d{1,3})\$(\d{1,2})\$([\w+/=]{16,128})"
)
_PHC_SCRYPT = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,2})\$([\w./+]{8,128})\$([\w./+]{16,128})"
)


class ThreadedHasher:
    """Hashes in threads of its own."""

    def __init__(
        self, *, memory_kib: int, time_cost: int, parallelism: int, threads: HashThreads
    ) -> None:
        self._argon2 = Argon2(
            time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism, type=Type.ID
        )
        self._memory = WorkingMemory(
            memory_kib=memory_kib, time_cost=time_cost, parallelism=parallelism
        )
        self._threads = threads
        self._decoy = self._argon2.hash(os.urandom(16).hex())

    def place(self, *, beside: int = 0) -> AbstractContextManager[None]:
        return self._threads.place(beside=beside)

    async def hash(self, password: str) -> str:
        return await self._threads.run(partial(self._argon2.hash, _normalised(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        verifying = partial(self._verify, stored or self._decoy, password)
        return await self._threads.run(verifying) and stored is not None

    def _verify(self, stored: str, password: str) -> bool:
        if not self._is_present(stored):
            return _verify_other(self._argon2, stored, password)
        try:
            salt, expected = map(_unpadded, stored.rsplit("$", 2)[1:])
            made = self._memory.argon2id(_normalised(password), salt, len(expected))
        except (ValueError, HashingError):
            return False  # it only looks as if it were one
        return hmac.compare_digest(made, expected)

    @property
    def present(self) -> str:
        return self._decoy.rsplit("$", 2)[0] + "$"

    def outdated(self, stored: str) -> bool:
        if self._is_present(stored):
            return False
        return not stored.startswith("$argon2id$") or self._argon2.check_needs_rehash(stored)

    def _is_present(self, stored: str) -> bool:
        """Whether it looks as this makes them now, as nearly all do; quickly told."""
        same_lengths = _lengths(stored) == _lengths(self._decoy)
        return same_lengths and stored.startswith(self.present)

    def recognises(self, stored: str) -> bool:
        return recognises(stored)

    def close(self) -> None:
        """Let running hashes end and start no others."""
        self._threads.close()


def _lengths(stored: str) -> tuple[int, int]:
    """Where the hash begins and where it ends."""
    return stored.rfind("$"), len(stored)


def recognises(stored: str) -> bool:
    """Whether this is a hash that ``verify`` can check without taking forever over it."""
    if not (len(stored) <= 512 and stored.isascii() and stored.isprintable()):
        return False
    if stored.startswith("$argon2"):
        return _bearable_argon2(stored)
    if match := _BCRYPT.fullmatch(stored):
        return 4 <= int(match[1]) <= _MAX_BCRYPT_COST
    if match := _DJANGO_PBKDF2.fullmatch(stored) or _PHC_PBKDF2.fullmatch(stored):
        bearable = 1 <= int(match[2]) <= _MAX_PBKDF2_ROUNDS
        return bearable and _decodes(match[4]) and (match[0][0] != "$" or _decodes(match[3]))
    if match := _DJANGO_SCRYPT.fullmatch(stored):
        bearable = _bearable_scrypt(int(match[1]), int(match[3]), int(match[4]))
        return bearable and _decodes(match[5])
    if match := _PHC_SCRYPT.fullmatch(stored):
        bearable = _bearable_scrypt(1 << int(match[1]), int(match[2]), int(match[3]))
        return bearable and _decodes(match[4]) and _decodes(match[5])
    return False


def _bearable_argon2(stored: str) -> bool:
    try:
        parameters = extract_parameters(stored)
    except InvalidHashError:
        return False
    memory, passes = parameters.memory_cost, parameters.time_cost
    cheap = memory <= _MAX_ARGON2_MEMORY_KIB and memory * passes <= _MAX_ARGON2_WORK
    return cheap and passes <= _MAX_ARGON2_TIME and parameters.parallelism <= 16


def _bearable_scrypt(n: int, r: int, p: int) -> bool:
    power_of_two = n > 1 and n & (n - 1) == 0
    small = 1 <= r <= 64 and 1 <= p <= 16 and 128 * n * r <= _MAX_SCRYPT_MEMORY
    return power_of_two and small and n * r * p <= _MAX_SCRYPT_WORK


def _decodes(text: str) -> bool:
    try:
        return len(_unpadded(text)) > 0
    except ValueError:
        return False


def _verify_other(argon2: Argon2, stored: str, password: str) -> bool:
    secret = password.encode(errors="surrogatepass")
    if stored.startswith("$argon2"):
        try:
            return argon2.verify(stored, _normalised(password))
        except (VerificationError, InvalidHashError):
            return False
    if _BCRYPT.fullmatch(stored):
        # bcrypt never looked further than 72 bytes; newer builds refuse more instead of cutting.
        return bcrypt.checkpw(secret[:_BCRYPT_BYTES], stored.encode())
    if match := _DJANGO_PBKDF2.fullmatch(stored):
        made = hashlib.pbkdf2_hmac(match[1], secret, match[3].encode(), int(match[2]))
        return hmac.compare_digest(made, base64.b64decode(match[4]))
    if match := _PHC_PBKDF2.fullmatch(stored):
        salt, expected = _unpadded(match[3]), _unpadded(match[4])
        return hmac.compare_digest(
            hashlib.pbkdf2_hmac(match[1], secret, salt, int(match[2]), len(expected)), expected
        )
    return _verify_scrypt(stored, secret)


def _normalised(password: str) -> bytes:
    return normalised(password).encode(errors="surrogatepass")


def _verify_scrypt(stored: str, secret: bytes) -> bool:
    if match := _DJANGO_SCRYPT.fullmatch(stored):
        n, r, p = int(match[1]), int(match[3]), int(match[4])
        salt, expected = match[2].encode(), base64.b64decode(match[5])
    elif match := _PHC_SCRYPT.fullmatch(stored):
        n, r, p = 1 << int(match[1]), int(match[2]), int(match[3])
        salt, expected = _unpadded(match[4]), _unpadded(match[5])
    else:
        return False
    made = hashlib.scrypt(
        secret, salt=salt, n=n, r=r, p=p, maxmem=2 * _MAX_SCRYPT_MEMORY, dklen=len(expected)
    )
    return hmac.compare_digest(made, expected)


def _unpadded(text: str) -> bytes:
    """Base64 as the PHC string format writes it: no padding, and passlib's dot for a plus."""
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4))
