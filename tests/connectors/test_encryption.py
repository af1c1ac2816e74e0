"""An encrypted line is to the server that was named, or there is none."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
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
    """A server that encrypts, and notes what it is then told."""

    def __init__(self, kind: DatabaseKind, certificate: Path) -> None:
        self.told = b""
        self.port = 0
        self._kind = kind
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._kind is DatabaseKind.POSTGRESQL:
                await reader.readexactly(8)
                writer.write(b"S")
            else:
                writer.write(len(GREETING).to_bytes(3, "little") + b"\0" + GREETING)
                await reader.readexactly(36)
            await writer.start_tls(self._context)
            self.told = await reader.read(100)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def listening(kind: DatabaseKind, certificate: Path) -> AsyncIterator[Listener]:
    listener = Listener(kind, certificate)
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    yield listener
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("kind", [DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB])
@pytest.mark.parametrize(("name", "goes_on"), [(NAME, True), ("other.example", False)])
async def test_the_certificate_must_bear_the_name_that_was_asked_for(
    kind: DatabaseKind, name: str, goes_on: bool, certificate: Path
) -> None:
    async with listening(kind, certificate) as listener:
        address = Address("127.0.0.1", listener.port, "shop", "keeper", tls=True, server_name=name)
        connector = connector_to(kind, address, "a secret", deadline=3)
        with pytest.raises(ConnectionError):
            await connector.inspect(uuid4())
        assert (b"keeper" in listener.told) is goes_on


@pytest.mark.parametrize("kind", [DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB])
async def test_a_server_that_does_not_encrypt_is_not_talked_to(kind: DatabaseKind) -> None:
    told = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if kind is DatabaseKind.POSTGRESQL:
            await reader.readexactly(8)
            writer.write(b"N")
        else:
            bare = bytearray(GREETING)
            bare[24] &= 0xF7  # the bit that says TLS, in the second byte of what it can
            writer.write(len(bare).to_bytes(3, "little") + b"\0" + bytes(bare))
        told.extend(await reader.read(200))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connector = connector_to(
        kind, Address("127.0.0.1", port, "shop", "keeper", tls=True), "a secret", deadline=3
    )
    with pytest.raises(ConnectionError):
        await connector.inspect(uuid4())
    server.close()
    assert b"keeper" not in told
