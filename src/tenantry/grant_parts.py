"""Puts together what has to do with grants; a part of the assembly."""

from functools import cached_property
from typing import TYPE_CHECKING

from tenantry.checks.resident import Resident
from tenantry.checks.service import Checks
from tenantry.foundation import Foundation
from tenantry.grants.authority import Authority
from tenantry.grants.companion import GrantCompanion
from tenantry.grants.deciding import Decider
from tenantry.grants.holders import HolderRepository
from tenantry.grants.principals import Principals
from tenantry.grants.processors import GrantProcessors
from tenantry.grants.purge import GrantPurge
from tenantry.grants.questions import QuestionService
from tenantry.grants.repository import GrantRepository
from tenantry.grants.service import GrantService
from tenantry.kernel.processor import Runner
from tenantry.roles.repository import RoleRepository

if TYPE_CHECKING:
    from tenantry.assembly import Assembly


class GrantParts:
    """One instance of each, made when it is first asked for."""

    def __init__(self, foundation: Foundation, assembly: "Assembly") -> None:
        self._on = foundation
        self._assembly = assembly
        self._grants = GrantRepository()
        self._roles = RoleRepository()
        self._decider = Decider(clock=foundation.clock)
        self.companion = GrantCompanion(grant_repository=self._grants)
        self.purge = GrantPurge(
            database=foundation.database, grant_repository=self._grants, companion=self.companion
        )

    def processors(self, run: Runner) -> GrantProcessors:
        """What runs the actions on grants."""
        return GrantProcessors(
            grant_service=self._service, question_service=self._questions, run=run
        )

    @cached_property
    def _service(self) -> GrantService:
        """Grants, and who gives them."""
        return GrantService(
            database=self._on.database,
            grant_repository=self._grants,
            principals=self.principals,
            authority=Authority(
                grant_repository=self._grants,
                holdings=self._assembly.roles.authority,
                clock=self._on.clock,
            ),
            decider=self._decider,
            clock=self._on.clock,
            cursor_key=self._on.cursor_key,
        )

    @cached_property
    def _questions(self) -> QuestionService:
        """What grants and roles come to."""
        return QuestionService(
            database=self._on.database,
            holder_repository=HolderRepository(),
            users=self._assembly.user_repository,
            principals=self.principals,
            vocabulary=self._assembly.roles.vocabulary,
            decider=self._decider,
            answers=self.checks,
            effects=self._assembly.server_effects,
            clock=self._on.clock,
            cursor_key=self._on.cursor_key,
        )

    @cached_property
    def resident(self) -> Resident:
        """What decides on access, in memory."""
        settings = self._on.settings
        return Resident(
            clock=self._on.clock,
            most_users=settings.decision_users,
            cached=settings.decisions_kept,
        )

    @cached_property
    def checks(self) -> Checks:
        """Answers from memory, or else from the database."""
        return Checks(
            database=self._on.database.unfenced,
            feed=self._on.feed,
            resident=self.resident,
            decider=self._decider,
            holders=HolderRepository(),
            clock=self._on.clock,
            seconds=self._on.settings.statement_timeout,
        )

    @cached_property
    def principals(self) -> Principals:
        """Finds users and roles by the names that people give."""
        return Principals(users=self._assembly.user_repository, roles=self._roles)
