"""An encrypted line is to the server that was named, or there is none."""

import contextlib
import datetime
import socket
import ssl
import threading
from pathlib import Path
from typing import Self
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tenantry.adapters.databases import connector_to
from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind
from tenantry.errors import ConnectionError

pytestmark = pytest.mark.anyio

NAME = "db.example"
# What a server of the MySQL family says first: version, an id, a challenge, and that it can TLS.
GREETING = (
    b"\x0a8.0-test\0\1\0\0\0AAAAAAAA\0"
    + (0xFFFF).to_bytes(2, "little")
    + b"\x21\2\0"
    + (0x00FF).to_bytes(2, "little")
    + b"\x15"
    + bytes(10)
    + b"BBBBBBBBBBBB\0mysql_native_password\0"
)


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate for the name, with its key; this process trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    place = tmp_path / "server.pem"
    place.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, form, plain))
    monkeypatch.setenv("SSL_CERT_FILE", str(place))
    return place


class Listener:
    """A server for one client, in a thread; it encrypts if it can, and notes what it is told."""

    def __init__(self, kind: DatabaseKind, certificate: Path | None) -> None:
        self.told = b""
        self._kind = kind
        self._certificate = certificate
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(10)
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._listening.close()

    def _serve(self) -> None:
        line, _ = self._listening.accept()
        line.settimeout(5)
        with line, contextlib.suppress(OSError):
            self._agree(line)
            if self._certificate is None:
                self.told = line.recv(200)
                return
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            with context.wrap_socket(line, server_side=True) as encrypted:
                self.told = encrypted.recv(200)

    def _agree(self, line: socket.socket) -> None:
        """Come to the point where the client may encrypt, as each protocol has it."""
        encrypts = self._certificate is not None
        if self._kind is DatabaseKind.POSTGRESQL:
            line.recv(8)
            line.sendall(b"S" if encrypts else b"N")
            return
        greeting = bytearray(GREETING)
        if not encrypts:
            # The second byte of what it can has the bit that says so.
            greeting[greeting.index(b"AAAAAAAA") + 10] &= 0xF7
        line.sendall(len(greeting).to_bytes(3, "little") + b"\0" + bytes(greeting))
        if encrypts:
            line.recv(36)


@pytest.mark.parametrize("kind", [DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB])
@pytest.mark.parametrize(("name", "goes_on"), [(NAME, True), ("other.example", False)])
async def test_the_certificate_must_bear_the_name_that_was_asked_for(
    kind: DatabaseKind, name: str, goes_on: bool, certificate: Path
) -> None:
    with Listener(kind, certificate) as listener:
        address = Address("127.0.0.1", listener.port, "shop", "keeper", tls=True, server_name=name)
        with pytest.raises(ConnectionError):
            await connector_to(kind, address, "a secret", deadline=3).inspect(uuid4())
    assert (b"keeper" in listener.told) is goes_on


@pytest.mark.parametrize("kind", [DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB])
async def test_a_server_that_does_not_encrypt_is_not_talked_to(kind: DatabaseKind) -> None:
    with Listener(kind, None) as listener:
        address = Address("127.0.0.1", listener.port, "shop", "keeper", tls=True)
        with pytest.raises(ConnectionError):
            await connector_to(kind, address, "a secret", deadline=3).inspect(uuid4())
    assert b"keeper" not in listener.told
