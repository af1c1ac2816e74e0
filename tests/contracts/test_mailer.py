"""What every mailer must do: the pretended one, a folder, and SMTP to a real server."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8, default
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tenantry.adapters.mail_folder import FolderMailer
from tenantry.adapters.smtp import NONE, STARTTLS, TLS, SmtpMailer
from tenantry.errors import ConfigurationError, MailNotSent
from tenantry.mail.model import Mail, Sender
from tenantry.mail.ports import Mailer
from tenantry.testing.mail import FakeMailer

pytestmark = pytest.mark.anyio

SENDER = Sender("accounts@example.org")


class Mailbox(Message):
    """Keeps what a server is given, and refuses what the test wants refused."""

    def __init__(self) -> None:
        super().__init__(message_class=EmailMessage)
        self.messages: list[EmailMessage] = []
        self.answer = "250 OK"

    def prepare_message(self, session: Any, envelope: Any) -> EmailMessage:
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        return message

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - its name
        self.messages.append(self.prepare_message(session, envelope))
        return self.answer

    def handle_message(self, message: Any) -> None:
        raise AssertionError


@dataclass
class Post:
    """A mailer, and where its mails arrive."""

    mailer: Mailer
    arrived: Callable[[], list[EmailMessage]]
    break_down: Callable[[], None]


@dataclass
class Certificate:
    """A certificate for localhost that vouches for itself."""

    file: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """For the server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    found = Certificate(folder / "cert.pem", folder / "key.pem")
    found.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    found.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return found


def connections() -> set[tuple[Any, Any]]:
    open_ones = psutil.Process().net_connections("tcp")
    return {(one.laddr, one.raddr) for one in open_ones if one.raddr}


@pytest.fixture(autouse=True)
async def goodbye_is_said() -> AsyncIterator[None]:
    """Both sides of TLS say goodbye, which takes longer than sending did: the loop stays for it."""
    before = connections()
    yield
    async with asyncio.timeout(10):
        while connections() - before:  # noqa: ASYNC110 - the transports set no event
            await asyncio.sleep(0.01)


def check_login(server: Any, session: Any, envelope: Any, mechanism: str, auth: Any) -> AuthResult:
    fits = isinstance(auth, LoginPassword) and (auth.login, auth.password) == (b"us", b"canary")
    return AuthResult(success=fits)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def serving(mailbox: Mailbox, certificate: Certificate, security: str) -> Controller:
    options: dict[str, Any] = {"enable_SMTPUTF8": True}
    if security == STARTTLS:
        options |= {
            "tls_context": certificate.context(),
            "require_starttls": True,
            "auth_required": True,
            "authenticator": check_login,
        }
    if security == TLS:
        options["ssl_context"] = certificate.context()
    controller = Controller(mailbox, hostname="localhost", port=free_port(), **options)
    controller.start()
    return controller


@pytest.fixture(params=["pretended", "folder", NONE, STARTTLS, TLS])
def post(
    request: pytest.FixtureRequest, tmp_path: Path, certificate: Certificate
) -> Iterator[Post]:
    if request.param == "pretended":
        fake = FakeMailer(SENDER)
        yield Post(fake, lambda: fake.sent, lambda: setattr(fake, "down", True))
        return
    if request.param == "folder":
        place = tmp_path / "mail"

        def read() -> list[EmailMessage]:
            files = sorted(place.glob("*.eml"))
            return [message_from_bytes(f.read_bytes(), policy=default) for f in files]

        def spoil() -> None:
            place.rename(tmp_path / "gone")
            place.write_text("no folder")

        place.mkdir()
        yield Post(FolderMailer(place, SENDER), read, spoil)
        return
    mailbox = Mailbox()
    server = serving(mailbox, certificate, request.param)
    mailer = smtp(server.port, request.param, certificate)
    yield Post(mailer, lambda: mailbox.messages, server.stop)
    if server._thread is not None:
        server.stop()


def smtp(port: int, security: str, certificate: Certificate, **options: Any) -> SmtpMailer:
    login = {"username": "us", "password": "canary"} if security == STARTTLS else {}
    authorities = None if security == NONE else certificate.file
    given = {"authorities": authorities, "timeout": 5.0, **login, **options}
    return SmtpMailer(host="localhost", port=port, security=security, sender=SENDER, **given)


def mail(to: str = "ann@example.com", mail_id: UUID | None = None) -> Mail:
    return Mail(
        id=mail_id or uuid4(),
        written_at=datetime.now(UTC),
        to=to,
        to_name="Ann Ö.",
        subject="Grüße",
        text="Guten Tag.\n.\nEnde\n",
    )


async def test_a_mail_arrives_as_it_was_written(post: Post) -> None:
    await post.mailer.send(mail())
    (message,) = post.arrived()
    assert message["To"].addresses[0].addr_spec == "ann@example.com"
    assert (message["Subject"], message["From"]) == ("Grüße", "Tenantry <accounts@example.org>")
    assert message.get_content().splitlines() == ["Guten Tag.", ".", "Ende"]


async def test_a_mail_that_is_sent_again_can_be_known_again(post: Post) -> None:
    again = mail(mail_id=UUID(int=7))
    await post.mailer.send(again)
    await post.mailer.send(again)
    ids = {message["Message-ID"] for message in post.arrived()}
    assert ids == {f"<{UUID(int=7)}@example.org>"}


async def test_addresses_in_any_script_are_served(post: Post) -> None:
    await post.mailer.send(mail("jörg@xn--mnchen-3ya.de"))
    (message,) = post.arrived()
    assert "<jörg@xn--mnchen-3ya.de>\r\n".encode() in message.as_bytes(policy=SMTPUTF8)


async def test_a_failure_is_told_without_what_was_in_the_mail(post: Post) -> None:
    post.break_down()
    with pytest.raises(MailNotSent) as failure:
        await post.mailer.send(mail())
    assert "ann@" not in str(failure.value)
    assert "Guten Tag" not in str(failure.value)


async def test_a_server_that_refuses_is_named_by_its_code(certificate: Certificate) -> None:
    mailbox = Mailbox()
    mailbox.answer = "451 come back later"
    server = serving(mailbox, certificate, NONE)
    try:
        with pytest.raises(MailNotSent, match="451"):
            await smtp(server.port, NONE, certificate).send(mail())
    finally:
        server.stop()


async def test_a_wrong_password_is_a_failure_and_is_not_told(certificate: Certificate) -> None:
    server = serving(Mailbox(), certificate, STARTTLS)
    try:
        with pytest.raises(MailNotSent) as failure:
            await smtp(server.port, STARTTLS, certificate, password="wrong-canary").send(mail())
        assert "canary" not in repr(failure.value)
    finally:
        server.stop()


async def test_a_server_that_nobody_vouches_for_gets_no_mail(certificate: Certificate) -> None:
    mailbox = Mailbox()
    server = serving(mailbox, certificate, TLS)
    try:
        with pytest.raises(MailNotSent):
            await smtp(server.port, TLS, certificate, authorities=None).send(mail())
    finally:
        server.stop()
    assert mailbox.messages == []


async def test_a_server_without_starttls_gets_no_mail_in_the_clear(
    certificate: Certificate,
) -> None:
    mailbox = Mailbox()
    server = serving(mailbox, certificate, NONE)
    try:
        with pytest.raises(MailNotSent):
            await smtp(server.port, STARTTLS, certificate).send(mail())
    finally:
        server.stop()
    assert mailbox.messages == []


async def test_a_server_that_says_nothing_is_given_up(certificate: Certificate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(MailNotSent):
            await SmtpMailer(
                host="127.0.0.1", port=port, security=NONE, sender=SENDER, timeout=0.2
            ).send(mail())


async def test_kept_mails_are_for_the_server_alone(tmp_path: Path) -> None:
    await FolderMailer(tmp_path / "kept", SENDER).send(mail())
    (file,) = (tmp_path / "kept").iterdir()
    assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


async def test_a_file_without_certificates_is_found_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="certificates"):
        SmtpMailer(
            host="x", port=None, security=TLS, sender=SENDER, authorities=tmp_path / "none.pem"
        )
