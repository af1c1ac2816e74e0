"""One-time codes as RFC 6238 has them, and the form of codes."""

from base64 import b32encode
from datetime import UTC, datetime
from hashlib import sha1, sha256, sha512
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pyotp
import pytest

from tenantry.errors import InvalidInput
from tenantry.second_factor import codes as second_factor_codes
from tenantry.second_factor import model
from tenantry.second_factor.codes import code_at, matching_steps, step_at

SEED = b"12345678901234567890"
# RFC 6238, appendix B: the time, and the codes with SHA-1, SHA-256 and SHA-512.
VECTORS = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]


@pytest.mark.parametrize(("seconds", "expected"), [(v[0], v[1]) for v in VECTORS])
def test_t1_codes_are_those_of_rfc_6238(seconds: int, expected: str) -> None:
    step = step_at(datetime.fromtimestamp(seconds, UTC))
    assert code_at(SEED, step) == expected[-6:]


@pytest.mark.parametrize(
    ("seconds", "digest", "length", "expected"),
    [
        (vector[0], digest, length, vector[i])
        for vector in VECTORS
        for i, (digest, length) in enumerate([(sha1, 20), (sha256, 32), (sha512, 64)], 1)
    ],
)
def test_t1_the_library_computes_all_eighteen_vectors(
    seconds: int,
    digest: Any,  # Any: hashlib's constructors
    length: int,
    expected: str,
) -> None:
    seed = b32encode((SEED * 4)[:length]).decode()
    assert pyotp.TOTP(seed, digits=8, digest=digest).at(seconds) == expected


def test_t2_a_code_counts_one_step_early_and_one_step_late() -> None:
    now = datetime.fromtimestamp(1_800_000_015, UTC)
    present = step_at(now)
    good = {
        later for later in range(-5, 6) if matching_steps(SEED, code_at(SEED, present + later), now)
    }
    assert good == {-1, 0, 1}


@pytest.mark.parametrize(
    "code",
    [
        "921 300",
        " 921300",
        "921300\n",
        "92130",
        "9213000",
        "９２１３００",
        "٩٢١٣٠٠",
        "-21300",
        "+1e005",
        "",
    ],
)
def test_t3_a_code_is_six_ascii_digits_and_nothing_else(code: str) -> None:
    for require in (second_factor_codes.require_one_time, second_factor_codes.require_code):
        with pytest.raises(InvalidInput) as refused:
            require(code, "totp_code")
        assert refused.value.field == "totp_code"
        assert not code.strip() or code not in str(refused.value)


def test_t5_secrets_have_160_bits_and_differ() -> None:
    assert len({second_factor_codes.new_secret() for _ in range(10_000)}) == 10_000
    assert len(second_factor_codes.new_secret()) * 8 == 160


def test_the_address_for_authenticator_apps_holds_secret_name_and_issuer() -> None:
    parts = urlsplit(second_factor_codes.uri(SEED, "amy:ä@x", "Tenantry"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    query = parse_qs(parts.query)
    assert query == {"secret": [b32encode(SEED).decode()], "issuer": ["Tenantry"]}
    read = pyotp.parse_uri(second_factor_codes.uri(SEED, "amy", "Tenantry"))
    assert isinstance(read, pyotp.TOTP)
    assert read.at(59) == "287082"


def test_t8_recovery_codes_are_ten_with_120_bits_each() -> None:
    codes = [code for _ in range(1000) for code in second_factor_codes.new_recovery_codes()]
    assert len(set(codes)) == 10_000
    for code in codes:
        second_factor_codes.require_code(code, "code")
        assert len(code.replace("-", "")) * 5 == 120


def test_equal_recovery_codes_of_two_users_are_stored_differently() -> None:
    code = second_factor_codes.new_recovery_codes()[0]
    digests = {second_factor_codes.recovery_digest(UUID(int=i), code) for i in range(2)}
    assert len(digests) == 2
    assert all(len(digest) == 32 for digest in digests)


def test_what_holds_secrets_does_not_show_them() -> None:
    shown = repr(model.EnrolledFactor("JBSWY3DP", "otpauth://secret"))
    assert "JBSWY3DP" not in shown
    assert "otpauth" not in shown
    code = second_factor_codes.new_recovery_codes()[0]
    assert code not in repr(model.ProvenFactor(recovery_codes=[code], session_token="tny_s_x"))
    assert code not in repr(model.RecoveryCodes([code]))
