"""Who is in a tenant: its first admin, users who are moved there, and the list of them."""

from datetime import timedelta

from tenantry.errors import InvalidInput, StateConflict, Violation
from tenantry.kernel.action import Note, current_actor
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.modifier import OptionalState
from tenantry.kernel.page import Page
from tenantry.kernel.transaction import Database, Transaction
from tenantry.passwords.tokens import PasswordTokens, Purpose
from tenantry.record import require_well_formed
from tenantry.tenants import rules
from tenantry.tenants.actions import (
    AssignUserToTenantAction,
    CreatedTenantResult,
    CreateTenantAction,
    ListTenantUsersAction,
)
from tenantry.tenants.model import CreatedTenant, TenantData
from tenantry.tenants.ports import Users
from tenantry.tenants.repository import TenantRepository
from tenantry.users.access import Scope
from tenantry.users.actions import ModifyUserAction, SearchUsersAction, UserResult
from tenantry.users.model import (
    UserCreator,
    UserData,
    UserFilter,
    UserKey,
    UserModifier,
    UserRole,
)
from tenantry.users.repository import UserRepository
from tenantry.users.rules import changed_columns

TOKEN_LIFETIME = timedelta(days=7)
"""How long the token for an admin's first password is good."""


_FIELDS = {"username": "admin_username", "email": "admin_email"}


class TenantMembership:
    """Handles the actions that put users into tenants."""

    def __init__(
        self,
        *,
        database: Database,
        tenant_repository: TenantRepository,
        user_repository: UserRepository,
        users: Users,
        tokens: PasswordTokens,
        clock: Clock,
    ) -> None:
        self._database = database
        self._tenants = tenant_repository
        self._found_users = user_repository
        self._users = users
        self._tokens = tokens
        self._clock = clock

    async def create_tenant(self, action: CreateTenantAction) -> CreatedTenantResult:
        """Add a tenant with its admin, both or neither; TenantConflict when the name is taken."""
        require_well_formed(action)
        fields = rules.columns({"name": action.name, "description": action.description})
        name, description = str(fields["name"]), fields["description"]
        now = self._clock.now()
        tenant_id = uuid7(now)
        async with self._database.transaction() as tx:
            await self._tenants.insert(tx, tenant_id, name, description, now)
            tx.note(Note(name, tenant_id, tenant_id, {"name": (None, name)}))
            admin, token = None, None
            if action.admin_username is not None:
                admin, token = await self._appoint(tx, action, action.admin_username, name)
            tenant = await self._tenants.get(tx, str(tenant_id), Scope())
        return CreatedTenantResult(_created(tenant, admin, token))

    async def assign_user(self, action: AssignUserToTenantAction) -> UserResult:
        """Move a user; LastAdministrator where the old tenant would be left without an admin."""
        require_well_formed(action)
        key = UserKey.of(user=action.user)
        async with self._database.transaction() as tx:
            tenant = await self._tenants.get(tx, action.tenant, Scope.of(current_actor()))
            rules.require_present(tenant)
            move = UserModifier(domain_name=OptionalState.update(tenant.name))
            user = await self._change(tx, key, move)
        return UserResult(user)

    async def list_users(self, action: ListTenantUsersAction) -> Page[UserData]:
        """A page of a tenant's users; TenantNotFound also for one that is out of sight."""
        require_well_formed(action)
        async with self._database.autocommit() as tx:
            tenant = await self._tenants.get(tx, action.tenant, Scope.of(current_actor()))
        wanted = UserFilter(domain_name=tenant.name)
        return await self._users.search_users(
            SearchUsersAction(filter=wanted, limit=action.limit, cursor=action.cursor)
        )

    async def _appoint(
        self, tx: Transaction, action: CreateTenantAction, username: str, tenant: str
    ) -> tuple[UserData, str | None]:
        """The admin, and the token for the first password of one who had to be made."""
        found = await self._found_users.find(tx, UserKey("username", username), Scope())
        if found is not None:
            _require_appointable(found)
            change = UserModifier(
                domain_name=OptionalState.update(tenant), role=OptionalState.update(UserRole.ADMIN)
            )
            return await self._change(tx, UserKey("id", str(found.id)), change), None
        creator = UserCreator(
            username=username, email=action.admin_email, domain_name=tenant, role=UserRole.ADMIN
        )
        try:
            made = await self._users.add(tx, creator)
        except InvalidInput as error:
            raise _renamed(error) from error
        token = await self._tokens.issue(tx, made.id, Purpose.INVITATION, TOKEN_LIFETIME)
        return made, token.text

    async def _change(self, tx: Transaction, key: UserKey, modifier: UserModifier) -> UserData:
        action = ModifyUserAction(modifier=modifier)
        return await self._users.modify_in(tx, key, action, changed_columns(modifier))


def _require_appointable(user: UserData) -> None:
    """StateConflict unless the user can become the admin of a new tenant."""
    if user.role is UserRole.SUPERADMIN:
        message = f"{user.username} is a superadmin; name somebody else."
        raise StateConflict(message, field="admin_username")
    if not user.is_active:
        message = f"{user.username} is {user.status.value} and cannot administer a tenant."
        raise StateConflict(message, field="admin_username")


def _renamed(error: InvalidInput) -> InvalidInput:
    """What is wrong with the admin, under the names of the tenant's fields."""
    return InvalidInput(
        [Violation(_FIELDS.get(v.field, v.field), v.code, v.message) for v in error.violations]
    )


def _created(tenant: TenantData, admin: UserData | None, token: str | None) -> CreatedTenant:
    values = {name: getattr(tenant, name) for name in TenantData.__struct_fields__}
    return CreatedTenant(
        **values, admin_username=admin.username if admin else None, admin_token=token
    )
