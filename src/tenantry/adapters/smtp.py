"""Mail over SMTP, to a server that takes it from there."""

import asyncio
import ssl
from pathlib import Path

import aiosmtplib

from tenantry.errors import ConfigurationError, MailNotSent
from tenantry.mail.model import Mail, Sender, message_of

STARTTLS, TLS, NONE = "starttls", "tls", "none"
PORTS = {STARTTLS: 587, TLS: 465, NONE: 25}


class SmtpMailer:
    """One connection a mail. Never falls back to an unencrypted one where TLS is asked for."""

    def __init__(
        self,
        *,
        host: str,
        port: int | None,
        security: str,
        sender: Sender,
        username: str | None = None,
        password: str | None = None,
        authorities: Path | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._host = host
        self._port = port or PORTS[security]
        self._security = security
        self._sender = sender
        self._username = username
        self._password = password
        self._timeout = timeout
        self._tls = _tls_context(authorities) if security != NONE else None

    async def send(self, mail: Mail) -> None:
        """Hand the mail over within the deadline, which is for all of it."""
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._username,
            password=self._password,
            use_tls=self._security == TLS,
            start_tls=self._security == STARTTLS,
            tls_context=self._tls,
            timeout=self._timeout,
        )
        message = message_of(mail, self._sender)
        try:
            async with asyncio.timeout(self._timeout), client:
                await client.send_message(
                    message, sender=self._sender.address, recipients=[mail.to]
                )
        except aiosmtplib.SMTPResponseException as error:
            raise MailNotSent(f"The mail server answered {error.code}.") from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = ", ".join(str(refused.code) for refused in error.recipients)
            raise MailNotSent(f"The mail server refused the address ({codes}).") from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise MailNotSent(f"The mail server failed: {type(error).__name__}.") from error


def _tls_context(authorities: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"No certificates can be read from {authorities}.") from error
