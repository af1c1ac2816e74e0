"""The processors of grants."""

from tenantry.grants.actions import (
    CheckAccessAction,
    CheckAction,
    CheckManyAction,
    ExplainAction,
    GetPermissionsAction,
    GiveAction,
    ListGrantsAction,
    ListHoldersAction,
    RevokeAccessAction,
    RevokeAction,
    WhatIfRoleAction,
)
from tenantry.grants.questions import QuestionService
from tenantry.grants.service import GrantService
from tenantry.kernel.processor import Runner


class GrantProcessors:
    """Runs the actions on grants, and the questions about what they come to."""

    def __init__(
        self, *, grant_service: GrantService, question_service: QuestionService, run: Runner
    ) -> None:
        self.give = run(GiveAction, grant_service.give)
        self.revoke = run(RevokeAction, grant_service.revoke)
        self.revoke_access = run(RevokeAccessAction, grant_service.revoke_access)
        self.list_grants = run(ListGrantsAction, grant_service.list_grants)
        self.check = run(CheckAction, question_service.check)
        self.check_many = run(CheckManyAction, question_service.check_many)
        self.check_access = run(CheckAccessAction, question_service.check_access)
        self.get_permissions = run(GetPermissionsAction, question_service.get_permissions)
        self.explain = run(ExplainAction, question_service.explain)
        self.list_holders = run(ListHoldersAction, question_service.list_holders)
        self.what_if_role = run(WhatIfRoleAction, question_service.what_if_role)
