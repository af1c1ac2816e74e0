"""Puts together what has to do with setting passwords; a part of the assembly."""

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from tenantry.lockout.windows import WindowCounter
from tenantry.password_policies.repository import ReportRepository
from tenantry.password_policies.service import PasswordPolicyService
from tenantry.passwords.policy import PasswordPolicy
from tenantry.passwords.repository import PasswordRepository
from tenantry.passwords.rules import PasswordRules
from tenantry.passwords.tokens import PasswordTokens
from tenantry.resets.delivery import Delivery
from tenantry.resets.model import ResetPolicy
from tenantry.resets.service import ResetService

if TYPE_CHECKING:
    from tenantry.assembly import Assembly
    from tenantry.foundation import Foundation


class PasswordParts:
    """One instance of each, made when it is first asked for."""

    def __init__(self, foundation: "Foundation", assembly: "Assembly") -> None:
        self._on = foundation
        self._assembly = assembly
        self._passwords = PasswordRepository()
        self._counter = WindowCounter()
        self.tokens = PasswordTokens(clock=foundation.clock)

    @cached_property
    def rules(self) -> PasswordRules:
        """Judges every new password."""
        settings = self._on.settings
        return PasswordRules(
            database=self._on.database,
            password_repository=self._passwords,
            hasher=self._on.hasher,
            defaults=PasswordPolicy(
                max_failed_attempts=settings.max_failed_attempts,
                lockout_minutes=settings.lockout_minutes,
            ),
            clock=self._on.clock,
        )

    @cached_property
    def policies(self) -> PasswordPolicyService:
        """What tenants ask of passwords."""
        return PasswordPolicyService(
            database=self._on.database,
            password_repository=self._passwords,
            report_repository=ReportRepository(),
            rules=self.rules,
            users=self._assembly.user_repository,
            counter=self._counter,
            hasher=self._on.hasher,
            clock=self._on.clock,
            cursor_key=self._on.cursor_key,
        )

    @cached_property
    def mail(self) -> Delivery:
        """Mails with one-time tokens."""
        return Delivery(
            database=self._on.database,
            users=self._assembly.user_repository,
            tokens=self.tokens,
            mailer=self._on.mailer,
            cipher=self._on.cipher,
            job_service=self._assembly.jobs,
            clock=self._on.clock,
            policy=self._reset_policy,
            base_url=self._on.settings.base_url,
        )

    @cached_property
    def resets(self) -> ResetService:
        """Passwords set with a one-time token."""
        return ResetService(
            database=self._on.database,
            users=self._assembly.user_repository,
            user_service=self._assembly.users,
            tokens=self.tokens,
            rules=self.rules,
            delivery=self.mail,
            counter=self._counter,
            lockout_service=self._assembly.logins.lockout,
            clock=self._on.clock,
            policy=self._reset_policy,
            base_url=self._on.settings.base_url,
        )

    @property
    def _reset_policy(self) -> ResetPolicy:
        settings = self._on.settings
        return ResetPolicy(
            reset=timedelta(minutes=settings.reset_minutes),
            invitation=timedelta(hours=settings.invitation_hours),
        )
