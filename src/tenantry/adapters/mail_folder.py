"""Mail that is kept in a folder, where no mail server is named: one file a mail."""

import asyncio
import os
import tempfile
from pathlib import Path

from tenantry.errors import MailNotSent
from tenantry.mail.model import Mail, Sender, message_of


class FolderMailer:
    """Writes mails as ``<id>.eml``, readable for the server's own user alone."""

    def __init__(self, folder: Path, sender: Sender) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        """Write the file; a mail that is sent again replaces itself."""
        try:
            await asyncio.to_thread(self._write, mail)
        except OSError as error:
            raise MailNotSent(f"The mail cannot be kept in {self._folder}.") from error

    def _write(self, mail: Mail) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".mail-")
        with os.fdopen(handle, "wb") as file:
            file.write(bytes(message_of(mail, self._sender)))
        Path(name).replace(self._folder / f"{mail.id}.eml")
