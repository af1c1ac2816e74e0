"""Puts together what has to do with roles; a part of the assembly."""

from functools import cached_property
from typing import TYPE_CHECKING

from tenantry.foundation import Foundation
from tenantry.kernel.processor import Runner
from tenantry.roles.authority import Authority
from tenantry.roles.companion import RoleCompanion
from tenantry.roles.inheritance import RoleInheritance
from tenantry.roles.lists import RoleLists
from tenantry.roles.membership import RoleMembership
from tenantry.roles.processors import RoleProcessors
from tenantry.roles.purge import RolePurge
from tenantry.roles.repository import RoleRepository
from tenantry.roles.rules import Vocabulary
from tenantry.roles.service import RoleService
from tenantry.routes import ROUTES
from tenantry.users.access import DELEGABLE

if TYPE_CHECKING:
    from tenantry.assembly import Assembly


class RoleParts:
    """One instance of each, made when it is first asked for."""

    def __init__(self, foundation: Foundation, assembly: "Assembly") -> None:
        self._on = foundation
        self._assembly = assembly
        self._roles = RoleRepository()
        actions = [route.action for route in ROUTES]
        self.vocabulary = Vocabulary(
            tags=frozenset(action.tag for action in actions),
            delegable=frozenset(a.tag for a in actions if a.audience in DELEGABLE),
        )
        self.authority = Authority(role_repository=self._roles, vocabulary=self.vocabulary)
        self.companion = RoleCompanion(
            role_repository=self._roles,
            authority=self.authority,
            clock=foundation.clock,
        )
        self.purge = RolePurge(
            database=foundation.database, role_repository=self._roles, companion=self.companion
        )

    def processors(self, run: Runner) -> RoleProcessors:
        """What runs the actions on roles."""
        return RoleProcessors(
            role_service=self._service,
            lists=self._lists,
            membership=self._membership,
            inheritance=self._inheritance,
            run=run,
        )

    @cached_property
    def _service(self) -> RoleService:
        return RoleService(
            database=self._on.database,
            role_repository=self._roles,
            authority=self.authority,
            vocabulary=self.vocabulary,
            users=self._assembly.user_repository,
            clock=self._on.clock,
        )

    @cached_property
    def _lists(self) -> RoleLists:
        return RoleLists(
            database=self._on.database,
            role_repository=self._roles,
            vocabulary=self.vocabulary,
            users=self._assembly.user_repository,
            cursor_key=self._on.cursor_key,
        )

    @cached_property
    def _membership(self) -> RoleMembership:
        return RoleMembership(
            database=self._on.database,
            role_repository=self._roles,
            authority=self.authority,
            users=self._assembly.user_repository,
            clock=self._on.clock,
        )

    @cached_property
    def _inheritance(self) -> RoleInheritance:
        return RoleInheritance(
            database=self._on.database,
            role_repository=self._roles,
            authority=self.authority,
            users=self._assembly.user_repository,
            clock=self._on.clock,
        )
