"""The account managers: the operations of all nouns in one, asynchronous and blocking."""

from typing import Protocol

from tenantry.sdk.access_keys import AccessKeyOperations
from tenantry.sdk.audit import AuditOperations
from tenantry.sdk.databases import DatabaseOperations
from tenantry.sdk.grants import GrantOperations
from tenantry.sdk.groups import GroupOperations
from tenantry.sdk.locks import LockOperations
from tenantry.sdk.pages import blocking_pages
from tenantry.sdk.passwords import PasswordOperations
from tenantry.sdk.portal import Portal, blocking
from tenantry.sdk.roles import RoleOperations
from tenantry.sdk.second_factor import SecondFactorOperations
from tenantry.sdk.sessions import SessionOperations
from tenantry.sdk.tenants import TenantOperations
from tenantry.sdk.users import UserOperations


class AsyncAccountManager(
    UserOperations,
    SecondFactorOperations,
    SessionOperations,
    LockOperations,
    AuditOperations,
    PasswordOperations,
    GroupOperations,
    RoleOperations,
    GrantOperations,
    AccessKeyOperations,
    TenantOperations,
    DatabaseOperations,
):
    """All that one can do with accounts, for ``await``. Safe for many tasks of one event loop.

    Lists are walked lazily and completely, with ``async for``. Errors are those of
    ``tenantry.errors``; each is an AccountError, an AuthenticationError, a PermissionError or a
    ConnectionError.
    """


class Link(Protocol):
    """What a manager needs of its client; raises ConnectionError while it is not connected."""

    @property
    def portal(self) -> Portal: ...

    @property
    def operations(self) -> AsyncAccountManager: ...


class AccountManager:
    """All that one can do with accounts. Safe to share between threads, without a lock.

    Lists are walked lazily and completely. Errors are those of ``tenantry.errors``; each is an
    AccountError, an AuthenticationError, a PermissionError or a ConnectionError.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def portal(self) -> Portal:
        """Where the calls run."""
        return self._link.portal

    @property
    def operations(self) -> AsyncAccountManager:
        """The asynchronous originals."""
        return self._link.operations

    @property
    def last_version(self) -> int | None:
        """The version of the latest change made here that decides on access; None before one.

        Passed on as ``at_least=`` to a check, by whomever and on whichever server, it makes sure
        that the answer knows of the change.
        """
        return self.operations.last_version

    create_user = blocking(UserOperations.create_user)
    get_user = blocking(UserOperations.get_user)
    list_users = blocking_pages(UserOperations.list_users)
    search_users = blocking_pages(UserOperations.search_users)
    update_user = blocking(UserOperations.update_user)
    change_password = blocking(UserOperations.change_password)
    update_user_status = blocking(UserOperations.update_user_status)
    delete_user = blocking(UserOperations.delete_user)
    preview_delete_user = blocking(UserOperations.preview_delete_user)
    soft_delete_user = blocking(UserOperations.soft_delete_user)
    restore_user = blocking(UserOperations.restore_user)
    whoami = blocking(UserOperations.whoami)

    enrol_second_factor = blocking(SecondFactorOperations.enrol_second_factor)
    prove_second_factor = blocking(SecondFactorOperations.prove_second_factor)
    regenerate_recovery_codes = blocking(SecondFactorOperations.regenerate_recovery_codes)
    remove_own_second_factor = blocking(SecondFactorOperations.remove_own_second_factor)
    remove_second_factor = blocking(SecondFactorOperations.remove_second_factor)
    get_second_factor = blocking(SecondFactorOperations.get_second_factor)

    authenticate = blocking(SessionOperations.authenticate)
    create_session = blocking(SessionOperations.create_session)
    validate_session = blocking(SessionOperations.validate_session)
    refresh_session = blocking(SessionOperations.refresh_session)
    terminate_session = blocking(SessionOperations.terminate_session)
    list_sessions = blocking_pages(SessionOperations.list_sessions)
    end_session = blocking(SessionOperations.end_session)
    end_sessions = blocking(SessionOperations.end_sessions)
    step_up = blocking(SessionOperations.step_up)

    lock_account = blocking(LockOperations.lock_account)
    unlock_account = blocking(LockOperations.unlock_account)
    get_account_lock_status = blocking(LockOperations.get_account_lock_status)
    list_locked_accounts = blocking_pages(LockOperations.list_locked_accounts)

    get_audit_logs = blocking_pages(AuditOperations.get_audit_logs)
    get_failed_login_attempts = blocking_pages(AuditOperations.get_failed_login_attempts)

    set_password_policy = blocking(PasswordOperations.set_password_policy)
    get_password_policy = blocking(PasswordOperations.get_password_policy)
    validate_password = blocking(PasswordOperations.validate_password)
    check_password = blocking(PasswordOperations.check_password)
    report_passwords = blocking_pages(PasswordOperations.report_passwords)
    request_password_reset = blocking(PasswordOperations.request_password_reset)
    reset_password = blocking(PasswordOperations.reset_password)
    reset_user_password = blocking(PasswordOperations.reset_user_password)
    invite_user = blocking(PasswordOperations.invite_user)

    create_group = blocking(GroupOperations.create_group)
    get_group = blocking(GroupOperations.get_group)
    list_groups = blocking_pages(GroupOperations.list_groups)
    update_group = blocking(GroupOperations.update_group)
    delete_group = blocking(GroupOperations.delete_group)
    add_group_member = blocking(GroupOperations.add_group_member)
    remove_group_member = blocking(GroupOperations.remove_group_member)
    get_group_members = blocking_pages(GroupOperations.get_group_members)

    create_role = blocking(RoleOperations.create_role)
    ensure_role = blocking(RoleOperations.ensure_role)
    get_role = blocking(RoleOperations.get_role)
    list_roles = blocking_pages(RoleOperations.list_roles)
    search_roles = blocking_pages(RoleOperations.search_roles)
    update_role = blocking(RoleOperations.update_role)
    delete_role = blocking(RoleOperations.delete_role)
    assign_role = blocking(RoleOperations.assign_role)
    assign_roles = blocking(RoleOperations.assign_roles)
    remove_role = blocking(RoleOperations.remove_role)
    grant_role = blocking(RoleOperations.grant_role)
    revoke_role = blocking(RoleOperations.revoke_role)
    get_role_members = blocking_pages(RoleOperations.get_role_members)
    get_user_roles = blocking_pages(RoleOperations.get_user_roles)
    grant_database_access = blocking(GrantOperations.grant_database_access)
    grant_schema_permissions = blocking(GrantOperations.grant_schema_permissions)
    grant_table_permissions = blocking(GrantOperations.grant_table_permissions)
    revoke_permissions = blocking(GrantOperations.revoke_permissions)
    revoke_database_access = blocking(GrantOperations.revoke_database_access)
    list_grants = blocking_pages(GrantOperations.list_grants)
    list_holders = blocking_pages(GrantOperations.list_holders)
    get_user_permissions = blocking(GrantOperations.get_user_permissions)
    has_permission = blocking(GrantOperations.has_permission)
    has_database_access = blocking(GrantOperations.has_database_access)
    check_permission = blocking(GrantOperations.check_permission)
    check_permissions = blocking(GrantOperations.check_permissions)
    explain_permission = blocking(GrantOperations.explain_permission)
    what_if_role = blocking_pages(GrantOperations.what_if_role)

    issue_access_key = blocking(AccessKeyOperations.issue_access_key)
    get_access_key = blocking(AccessKeyOperations.get_access_key)
    list_access_keys = blocking_pages(AccessKeyOperations.list_access_keys)
    update_access_key = blocking(AccessKeyOperations.update_access_key)
    activate_access_key = blocking(AccessKeyOperations.activate_access_key)
    deactivate_access_key = blocking(AccessKeyOperations.deactivate_access_key)
    revoke_access_key = blocking(AccessKeyOperations.revoke_access_key)
    switch_main_access_key = blocking(AccessKeyOperations.switch_main_access_key)
    show_access_key_secret = blocking(AccessKeyOperations.show_access_key_secret)

    create_tenant = blocking(TenantOperations.create_tenant)
    get_tenant = blocking(TenantOperations.get_tenant)
    list_tenants = blocking_pages(TenantOperations.list_tenants)
    search_tenants = blocking_pages(TenantOperations.search_tenants)
    update_tenant = blocking(TenantOperations.update_tenant)
    suspend_tenant = blocking(TenantOperations.suspend_tenant)
    resume_tenant = blocking(TenantOperations.resume_tenant)
    set_tenant_isolation = blocking(TenantOperations.set_tenant_isolation)
    preview_delete_tenant = blocking(TenantOperations.preview_delete_tenant)
    delete_tenant = blocking(TenantOperations.delete_tenant)
    assign_user_to_tenant = blocking(TenantOperations.assign_user_to_tenant)
    get_tenant_users = blocking_pages(TenantOperations.get_tenant_users)
    assign_database_to_tenant = blocking(TenantOperations.assign_database_to_tenant)
    release_database = blocking(TenantOperations.release_database)
    get_tenant_databases = blocking_pages(TenantOperations.get_tenant_databases)

    add_database = blocking(DatabaseOperations.add_database)
    get_database = blocking(DatabaseOperations.get_database)
    list_databases = blocking_pages(DatabaseOperations.list_databases)
    update_database = blocking(DatabaseOperations.update_database)
    remove_database = blocking(DatabaseOperations.remove_database)
    check_database = blocking(DatabaseOperations.check_database)
    plan_database = blocking(DatabaseOperations.plan_database)
    apply_database = blocking(DatabaseOperations.apply_database)
    drift_database = blocking(DatabaseOperations.drift_database)
    dump_database = blocking(DatabaseOperations.dump_database)
    propose_database = blocking(DatabaseOperations.propose_database)
    import_database = blocking(DatabaseOperations.import_database)
    adopt_database = blocking(DatabaseOperations.adopt_database)
    revert_database = blocking(DatabaseOperations.revert_database)
    login_to_database = blocking(DatabaseOperations.login_to_database)
