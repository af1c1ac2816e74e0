"""What the slices need of mail."""

from typing import Protocol

from tenantry.mail.model import Mail


class Mailer(Protocol):
    """Takes mails to where they are delivered from; waits for no longer than its deadline."""

    async def send(self, mail: Mail) -> None:
        """Hand the mail over; MailNotSent where that failed or nobody knows whether it did.

        A mail that is sent again carries the same Message-ID, so that it can be known again.
        """
