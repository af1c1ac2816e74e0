"""The processors of users."""

from collections.abc import Sequence

from tenantry.kernel.monitor import ActionMonitor
from tenantry.kernel.processor import Runner
from tenantry.users.access import RoleGuard
from tenantry.users.actions import (
    AdminMonthStatsAction,
    CreateUserAction,
    DeleteUserAction,
    FindUserAction,
    GetUserAction,
    ImportUsersAction,
    ListUsersAction,
    ModifyUserAction,
    PreviewPurgeAction,
    PurgeUserAction,
    RestoreUserAction,
    SearchUsersAction,
    UserMonthStatsAction,
)
from tenantry.users.service import UserService


class UserProcessors:
    """Runs the actions on users, watched by the monitors given."""

    def __init__(
        self,
        *,
        user_service: UserService,
        action_monitors: Sequence[ActionMonitor] = (),
        run: Runner | None = None,
    ) -> None:
        run = run or Runner(action_monitors, RoleGuard())
        self.create_user = run(CreateUserAction, user_service.create_user)
        self.get_user = run(GetUserAction, user_service.get_user)
        self.find_user = run(FindUserAction, user_service.find_user)
        self.list_users = run(ListUsersAction, user_service.list_users)
        self.search_users = run(SearchUsersAction, user_service.search_users)
        self.modify_user = run(ModifyUserAction, user_service.modify_user)
        self.delete_user = run(DeleteUserAction, user_service.delete_user)
        self.restore_user = run(RestoreUserAction, user_service.restore_user)
        self.purge_user = run(PurgeUserAction, user_service.purge_user)
        self.preview_purge = run(PreviewPurgeAction, user_service.preview_purge)
        self.user_month_stats = run(UserMonthStatsAction, user_service.user_month_stats)
        self.admin_month_stats = run(AdminMonthStatsAction, user_service.admin_month_stats)
        self.import_users = run(ImportUsersAction, user_service.import_users)
