"""A mailer that keeps what it is given."""

from email.message import EmailMessage

from tenantry.errors import MailNotSent
from tenantry.mail.model import Mail, Sender, message_of


class FakeMailer:
    """Keeps mails in ``sent``. While ``down`` it takes none; while ``mute`` it takes them
    and fails all the same, as when the connection breaks after the last line."""

    def __init__(self, sender: Sender | None = None) -> None:
        self.sent: list[EmailMessage] = []
        self.down = False
        self.mute = False
        self._sender = sender or Sender("accounts@example.org")

    async def send(self, mail: Mail) -> None:
        if self.down:
            raise MailNotSent
        self.sent.append(message_of(mail, self._sender))
        if self.mute:
            raise MailNotSent
