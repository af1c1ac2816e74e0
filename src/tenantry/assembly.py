"""Puts the services together from the adapters; ``app.py`` starts and ends what they stand on."""

from datetime import timedelta
from functools import cached_property

from tenantry.access_keys.companion import AccessKeyCompanion
from tenantry.access_keys.identification import AccessKeyIdentifier
from tenantry.access_keys.keyring import Keyring
from tenantry.access_keys.repository import AccessKeyRepository
from tenantry.access_keys.service import AccessKeyService
from tenantry.auth.service import AuthService
from tenantry.database_assembly import DatabaseAssembly
from tenantry.databases.effect import ServerEffects
from tenantry.databases.enforcement_repository import EnforcementRepository
from tenantry.databases.purge import DatabasePurge
from tenantry.foundation import Foundation
from tenantry.grant_parts import GrantParts
from tenantry.groups.companion import GroupCompanion
from tenantry.groups.repository import GroupRepository
from tenantry.groups.service import GroupService
from tenantry.jobs.repository import JobRepository
from tenantry.jobs.service import JobService
from tenantry.login_assembly import LoginAssembly
from tenantry.password_parts import PasswordParts
from tenantry.resources.repository import keypair_policies, resource_policies
from tenantry.resources.service import ResourceService
from tenantry.role_parts import RoleParts
from tenantry.second_factor.companion import SecondFactorCompanion
from tenantry.second_factor.repository import SecondFactorRepository
from tenantry.second_factor.service import SecondFactorService
from tenantry.second_factor.verifier import CodeVerifier
from tenantry.tenants.companion import TenantCompanion
from tenantry.tenants.deletion import TenantDeletion
from tenantry.tenants.membership import TenantMembership
from tenantry.tenants.repository import TenantRepository
from tenantry.tenants.service import TenantService
from tenantry.users.access import Scope
from tenantry.users.admin_repository import AdminUserRepository
from tenantry.users.ports import Companions
from tenantry.users.repository import UserRepository
from tenantry.users.service import UserService
from tenantry.workload_assembly import WorkloadAssembly


class Assembly:
    """One instance of every service, each made when it is first asked for."""

    def __init__(self, foundation: Foundation) -> None:
        self._on = foundation
        self._keys = AccessKeyRepository()
        self._factors = SecondFactorRepository()
        self._groups = GroupRepository()
        self._tenants = TenantRepository()
        self.workloads = WorkloadAssembly(foundation)
        self.passwords = PasswordParts(foundation, self)
        self.roles = RoleParts(foundation, self)
        self.grants = GrantParts(foundation, self)

    @cached_property
    def logins(self) -> LoginAssembly:
        """Counts of attempts, sessions and locks."""
        return LoginAssembly(
            settings=self._on.settings,
            database=self._on.database,
            feed=self._on.feed,
            users=self.user_repository,
            clock=self._on.clock,
            cursor_key=self._on.cursor_key,
        )

    @cached_property
    def auth(self) -> AuthService:
        """Proves who somebody is."""
        return AuthService(
            database=self._on.database,
            principals=self.user_repository,
            lockout_service=self.logins.lockout,
            session_service=self.logins.sessions,
            second_factor=self.second_factor,
            hasher=self._on.hasher,
            password_rules=self.passwords.rules,
            memory=self.logins.session_memory,
            clock=self._on.clock,
        )

    @cached_property
    def jobs(self) -> JobService:
        """The outbox."""
        return JobService(
            database=self._on.database,
            job_repository=JobRepository(),
            clock=self._on.clock,
            cursor_key=self._on.cursor_key,
            visible_tenant=lambda actor: Scope.of(actor).tenant_id,
            kept=timedelta(days=self._on.settings.job_retention_days),
        )

    @cached_property
    def users(self) -> UserService:
        """Users, with all that belongs to them in other slices."""
        return UserService(
            storage_manager=self._on.storage_manager,
            valkey_stat_client=self._on.valkey_stat_client,
            agent_registry=self._on.agent_registry,
            user_repository=self.user_repository,
            admin_user_repository=self.admin_user_repository,
        )

    @cached_property
    def user_repository(self) -> UserRepository:
        """Users, and what goes with storing them."""
        return UserRepository(
            database=self._on.database,
            clock=self._on.clock,
            cursor_key=self._on.cursor_key,
            password_rules=self.passwords.rules,
            month_statistics=self.workloads.usage,
            companions=self._companions,
        )

    @cached_property
    def admin_user_repository(self) -> AdminUserRepository:
        """What a purge does, in this order."""
        return AdminUserRepository(
            steps=(
                self._database_purge,
                *self.workloads.purge_steps,
                self.roles.purge,
                self.grants.purge,
            ),
            companions=self._companions,
            job_service=self.jobs,
            clock=self._on.clock,
        )

    @cached_property
    def tenants(self) -> TenantService:
        """Tenants."""
        return TenantService(
            database=self._on.database,
            tenant_repository=self._tenants,
            clock=self._on.clock,
            cursor_key=self._on.cursor_key,
        )

    @cached_property
    def tenant_membership(self) -> TenantMembership:
        """Who is in which tenant."""
        return TenantMembership(
            database=self._on.database,
            tenant_repository=self._tenants,
            user_repository=self.user_repository,
            users=self.users,
            tokens=self.passwords.tokens,
            clock=self._on.clock,
        )

    @cached_property
    def tenant_deletion(self) -> TenantDeletion:
        """Removes tenants."""
        return TenantDeletion(
            database=self._on.database,
            tenant_repository=self._tenants,
            purges=self.users.purger,
            workloads=self.workloads.compute,
            job_service=self.jobs,
            clock=self._on.clock,
        )

    @cached_property
    def groups(self) -> GroupService:
        """Groups and who is in them."""
        return GroupService(
            database=self._on.database,
            group_repository=self._groups,
            users=self.user_repository,
            clock=self._on.clock,
            cursor_key=self._on.cursor_key,
        )

    @cached_property
    def access_keys(self) -> AccessKeyService:
        """Credentials of programs."""
        return AccessKeyService(
            database=self._on.database,
            access_key_repository=self._keys,
            keyring=self.keyring,
            users=self.user_repository,
            clock=self._on.clock,
            cursor_key=self._on.cursor_key,
        )

    def access_key_identifier(self, read_tags: frozenset[str]) -> AccessKeyIdentifier:
        """Tells who asks with a key; one that may only read runs actions of these tags."""
        return AccessKeyIdentifier(
            database=self._on.database,
            access_key_repository=self._keys,
            keyring=self.keyring,
            users=self.user_repository,
            clock=self._on.clock,
            read_tags=read_tags,
        )

    @cached_property
    def second_factor(self) -> SecondFactorService:
        """Codes of authenticator apps, and recovery codes."""
        return SecondFactorService(
            database=self._on.database,
            second_factor_repository=self._factors,
            verifier=self.code_verifier,
            users=self.user_repository,
            lockout_service=self.logins.lockout,
            session_service=self.logins.sessions,
            hasher=self._on.hasher,
            clock=self._on.clock,
        )

    async def prepare_secrets(self) -> None:
        """Seal all secrets with today's key; ConfigurationError where one cannot be opened."""
        cipher = self._on.cipher
        await self._on.audit.prepare()
        keepers = (self.keyring, self.code_verifier, self.databases.secrets)
        held = frozenset[bytes]().union(*[await keeper.key_ids() for keeper in keepers])
        cipher.require_known(held)
        if held - {cipher.current_id}:
            for keeper in keepers:
                await keeper.reseal()

    @cached_property
    def databases(self) -> DatabaseAssembly:
        """Managed databases, and what makes their servers follow."""
        return DatabaseAssembly(
            self._on,
            tenants=self.tenants,
            principals=self.grants.principals,
            effects=self.server_effects,
        )

    @cached_property
    def server_effects(self) -> ServerEffects:
        """How far the servers of managed databases are with a user."""
        return ServerEffects(enforcement_repository=EnforcementRepository(), clock=self._on.clock)

    @cached_property
    def _database_purge(self) -> DatabasePurge:
        return DatabasePurge(
            database=self._on.database,
            enforcement_repository=EnforcementRepository(),
            effects=self.server_effects,
            clock=self._on.clock,
        )

    @cached_property
    def resources(self) -> ResourceService:
        """Policies of resources."""
        return ResourceService(
            database=self._on.database,
            resource_policies=resource_policies(),
            keypair_policies=keypair_policies(),
            clock=self._on.clock,
            cursor_key=self._on.cursor_key,
        )

    @cached_property
    def _companions(self) -> list[Companions]:
        return [
            TenantCompanion(tenant_repository=self._tenants),
            GroupCompanion(group_repository=self._groups, clock=self._on.clock),
            AccessKeyCompanion(
                access_key_repository=self._keys, keyring=self.keyring, clock=self._on.clock
            ),
            SecondFactorCompanion(second_factor_repository=self._factors),
            self.workloads.vfolder_companion,
            self.roles.companion,
            self.grants.companion,
            self._on.audit.companion,
        ]

    @cached_property
    def keyring(self) -> Keyring:
        """Seals and opens the secrets of access keys."""
        return Keyring(
            database=self._on.database, access_key_repository=self._keys, cipher=self._on.cipher
        )

    @cached_property
    def code_verifier(self) -> CodeVerifier:
        """Verifies the codes of authenticator apps."""
        return CodeVerifier(
            database=self._on.database,
            second_factor_repository=self._factors,
            cipher=self._on.cipher,
            clock=self._on.clock,
        )
