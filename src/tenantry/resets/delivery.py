"""Mails with tokens: promised in the outbox, written and sent by a worker.

What the outbox holds is the same for an account that is there and for one that is not, so that
asking takes the same work. The worker looks who it is, makes the token, and keeps it sealed until
the mail is out, so that a mail that is sent twice says the same twice.
"""

from base64 import b64decode, b64encode
from datetime import datetime
from uuid import UUID

import msgspec

from tenantry.jobs.model import Job
from tenantry.jobs.service import JobService
from tenantry.jobs.worker import Handler, Progress, Receipt
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.transaction import Database, Transaction
from tenantry.mail.model import Mail
from tenantry.mail.ports import Mailer
from tenantry.passwords.tokens import PasswordTokens
from tenantry.resets.letters import letter
from tenantry.resets.model import MailOrder, ResetPolicy
from tenantry.resets.ports import Cipher, Users
from tenantry.users.model import UserData

KIND = "password.mail"
NOBODY = UUID(int=0)
_TOKEN = "token"  # noqa: S105 - the name under which it is kept, sealed


class Delivery:
    """Promises mails with tokens, and sends them."""

    def __init__(
        self,
        *,
        database: Database,
        users: Users,
        tokens: PasswordTokens,
        mailer: Mailer,
        cipher: Cipher,
        job_service: JobService,
        clock: Clock,
        policy: ResetPolicy,
        base_url: str,
    ) -> None:
        self._database = database
        self._users = users
        self._tokens = tokens
        self._mailer = mailer
        self._cipher = cipher
        self._jobs = job_service
        self._clock = clock
        self._policy = policy
        self._base_url = base_url

    @property
    def handlers(self) -> dict[str, Handler]:
        """What sends the mails, by the kind of job."""
        return {KIND: self.send}

    async def promise(self, tx: Transaction, order: MailOrder, tenant_id: UUID | None) -> None:
        """Have the mail sent once the transaction has committed. Each mail is a job of its own."""
        payload = msgspec.to_builtins(order)
        await self._jobs.promise(
            tx,
            KIND,
            tenant_id=tenant_id or NOBODY,
            subject_id=uuid7(self._clock.now()),
            payload=payload,
        )

    async def send(self, progress: Progress) -> Receipt:
        """Send a mail; the receipt says why it was not, where nobody was to get one."""
        job = progress.job
        order = msgspec.convert(job.payload, MailOrder)
        user = await self._recipient(order)
        if user is None or user.email is None:
            return {"sent": False, "reason": "nobody" if user is None else "no_address"}
        until = job.created_at + self._policy.lifetime(order.purpose)
        token = await self._token(progress, order, user.id)
        if token is None or until <= self._clock.now():
            return {"sent": False, "reason": "outdated"}
        await self._mailer.send(self._mail(job, order, user, token, until))
        await progress.note(_TOKEN, None)
        return {"sent": True}

    async def _recipient(self, order: MailOrder) -> UserData | None:
        if order.user_id is None:
            return None
        async with self._database.autocommit() as tx:
            principal = await self._users.find_principal(tx, order.user_id)
        if principal is None or not principal.user.is_active:
            return None
        return principal.user if principal.tenant_status == "active" else None

    async def _token(self, progress: Progress, order: MailOrder, user_id: UUID) -> str | None:
        """The token of this mail, made the first time; None if it has ended meanwhile."""
        context = f"{KIND} {progress.job.id}".encode()
        kept = progress.done.get(_TOKEN)
        if isinstance(kept, str):
            token = self._cipher.open(b64decode(kept), context).decode()
            async with self._database.autocommit() as tx:
                return token if await self._tokens.find(tx, token) else None
        lifetime = self._policy.lifetime(order.purpose)
        async with self._database.transaction() as tx:
            issued = await self._tokens.issue(
                tx, user_id, order.purpose, lifetime, since=progress.job.created_at
            )
        sealed = self._cipher.seal(issued.text.encode(), context)
        await progress.note(_TOKEN, b64encode(sealed).decode())
        return issued.text

    def _mail(
        self, job: Job, order: MailOrder, user: UserData, token: str, until: datetime
    ) -> Mail:
        subject, text = letter(
            order.purpose, user, base_url=self._base_url, token=token, until=until
        )
        return Mail(
            id=job.id,
            written_at=job.created_at,
            to=user.email or "",
            to_name=user.full_name or user.username,
            subject=subject,
            text=text,
        )
