"""Reports of actions by mail: gathered in memory, and promised in the outbox now and then.

An action only leaves a line behind; the mail is another task's work. However much happens, there
is one mail an interval, with the numbers of everything and the particulars of the first few.
"""

import asyncio
import logging
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tenantry.adapters.cipher import Cipher
from tenantry.errors import TenantryError
from tenantry.jobs.service import JobService
from tenantry.jobs.worker import Handler, Progress, Receipt
from tenantry.kernel.action import Action, Outcome, Run
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.monitor import RunResult
from tenantry.kernel.transaction import Database
from tenantry.mail.model import Mail
from tenantry.mail.ports import Mailer

logger = logging.getLogger(__name__)

KIND = "report.mail"
ALL, ERROR = "all", "error"
PARTICULARS = 50
LONGEST = 80
LONGEST_LINE = 180
WARNED_AT_ONCE = 10
"""So many particulars are told of one warning."""
NOBODY = UUID(int=0)


@dataclass
class _Gathered:
    """What has happened since the last report, in bounded room."""

    since: datetime
    numbers: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unsaid: int = 0


class MailReporter:
    """A monitor that reports runs: all, or those that failed or were denied.

    Only tags, outcomes, codes, names and addresses are told; never an action's fields, nor what an
    error says.
    """

    def __init__(self, *, policy: str, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._gathered = _Gathered(clock.now())

    async def prepare(self, action: Action[Any], run: Run) -> None:
        return None

    async def done(self, action: Action[Any], run: Run, result: RunResult) -> None:
        if self._policy == ERROR and result.status is Outcome.SUCCEEDED:
            return
        gathered = self._gathered
        gathered.numbers[action.tag, result.status.value, result.error_code or ""] += 1
        if len(gathered.first) < PARTICULARS:
            gathered.first.append(_line(action, run, result))

    def warn(self, said: str, particulars: Sequence[str]) -> None:
        """Report what no action has done, such as that a server has drifted."""
        gathered = self._gathered
        room = PARTICULARS - len(gathered.warnings)
        lines = [_plain(said, LONGEST_LINE)]
        lines += [f"  {_plain(line, LONGEST_LINE)}" for line in particulars[:WARNED_AT_ONCE]]
        if len(particulars) > WARNED_AT_ONCE:
            lines.append(f"  and {len(particulars) - WARNED_AT_ONCE} more")
        gathered.warnings += lines[:room]
        gathered.unsaid += len(lines[max(room, 0) :])

    def take(self) -> tuple[str, str] | None:
        """Subject and text of what was gathered, which is then forgotten; None for nothing."""
        gathered, now = self._gathered, self._clock.now()
        self._gathered = _Gathered(now)
        total = gathered.numbers.total()
        said = [f"{total} {'action' if total == 1 else 'actions'} to report"] if total else []
        if gathered.warnings:
            said.insert(0, "a server needs looking after")
        return (", ".join(said), _text(gathered, now)) if said else None


class ReportPost:
    """Puts what a reporter has gathered into the outbox, and sends it from there.

    The names in it lie there encrypted, and not at all once it is sent.
    """

    def __init__(
        self,
        *,
        reporter: MailReporter,
        database: Database,
        job_service: JobService,
        mailer: Mailer,
        cipher: Cipher,
        clock: Clock,
        to: tuple[str, str],
        host: str,
        interval: timedelta,
    ) -> None:
        self.reporter = reporter
        self._database = database
        self._jobs = job_service
        self._mailer = mailer
        self._cipher = cipher
        self._clock = clock
        self._to = to
        self._host = host
        self._interval = interval

    async def run_forever(self) -> None:
        """Post a report at the end of each interval, and of the last one when cancelled."""
        while True:
            try:
                await asyncio.sleep(self._interval.total_seconds())
            except asyncio.CancelledError:
                await self.post()
                raise
            await self.post()

    async def post(self) -> None:
        """Promise a mail with what was gathered; where that fails, the audit still has it all."""
        report = self.reporter.take()
        if report is None:
            return
        mail_id = uuid7(self._clock.now())
        subject, text = report
        content = f"{self._host}: {subject}\n{text}"
        sealed = b64encode(self._cipher.seal(content.encode(), _context(mail_id))).decode()
        try:
            async with self._database.autocommit() as tx:
                await self._jobs.promise(
                    tx, KIND, tenant_id=NOBODY, subject_id=mail_id, payload={"sealed": sealed}
                )
        except TenantryError as error:
            logger.warning("a report of actions is lost: %s", error)

    @property
    def handlers(self) -> dict[str, Handler]:
        """What sends the mails, by the kind of job."""
        return {KIND: self.send}

    async def send(self, progress: Progress) -> Receipt:
        """Send a report, then forget what it said."""
        job = progress.job
        mail_id = job.subject_id or job.id
        opened = self._cipher.open(b64decode(job.payload["sealed"]), _context(mail_id))
        subject, _, text = opened.decode().partition("\n")
        name, address = self._to
        await self._mailer.send(
            Mail(
                id=mail_id,
                written_at=job.created_at,
                to=address,
                to_name=name,
                subject=subject,
                text=text,
            )
        )
        await progress.forget()
        return {"sent": True}


def _context(mail_id: UUID) -> bytes:
    return f"{KIND} {mail_id}".encode()


def _line(action: Action[Any], run: Run, result: RunResult) -> str:
    code = f" ({result.error_code})" if result.error_code else ""
    target = f" on {_plain(result.entity_id)}" if result.entity_id else ""
    origin = f" from {run.origin.address}" if run.origin.address else ""
    who = f"{_plain(run.actor.name)}{origin}"
    return f"{result.ended_at:%H:%M:%S}  {action.tag} {result.status}{code}{target}, by {who}"


def _plain(text: str, longest: int = LONGEST) -> str:
    """A name on one line, without signs that would turn round or hide what follows."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:longest])


def _text(gathered: _Gathered, until: datetime) -> str:
    lines = [f"From {gathered.since:%d %B %Y, %H:%M:%S} to {until:%H:%M:%S} UTC:", ""]
    if gathered.warnings:
        lines += [
            *gathered.warnings,
            *([f"and {gathered.unsaid} lines more"] * bool(gathered.unsaid)),
            "",
        ]
    if not gathered.numbers:
        return "\n".join(lines)
    for (tag, outcome, code), number in gathered.numbers.most_common():
        lines.append(f"  {number:>9,}  {tag} {outcome}{f' ({code})' if code else ''}")
    more = gathered.numbers.total() - len(gathered.first)
    lines += [
        "",
        f"The first {len(gathered.first)} in particular:" if more else "In particular:",
        "",
    ]
    lines += [f"  {line}" for line in gathered.first]
    lines += ["", "The audit has every one of them, with who, what and from where.", ""]
    return "\n".join(lines)
