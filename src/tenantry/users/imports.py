"""Importing many users at once: every row is judged first, then what is fit is added together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tenantry.errors import InvalidInput, PermissionError, Violation
from tenantry.kernel.action import Note, current_actor
from tenantry.kernel.transaction import Transaction
from tenantry.record import require_well_formed
from tenantry.users import access, rules
from tenantry.users.access import Scope
from tenantry.users.actions import ImportResult, ImportRow, ImportUsersAction
from tenantry.users.model import UserCreator
from tenantry.users.names import fold
from tenantry.users.repository import UserRepository

CREATED, UNCHANGED, REFUSED = "created", "unchanged", "refused"


@dataclass
class _Candidate:
    """A row on its way: judged fit until something is found against it."""

    row: int
    creator: UserCreator
    columns: dict[str, Any]  # Any: columns have types of their own
    outcome: str = CREATED
    fault: Violation | None = None

    def refuse(self, field: str, code: str, message: str) -> None:
        """Take it out, for the first reason that is found."""
        if self.outcome == CREATED:
            self.outcome, self.fault = REFUSED, Violation(field, code, message)

    @property
    def keys(self) -> tuple[str, str | None]:
        """The normal forms of name and address."""
        email = self.columns["email"]
        return fold(self.columns["username"]), fold(email) if email is not None else None

    def answer(self) -> ImportRow:
        """What the importer is told."""
        return ImportRow(
            row=self.row,
            username=str(self.creator.username)[:256],
            outcome=self.outcome,
            field=self.fault.field if self.fault else None,
            message=self.fault.message if self.fault else None,
        )


class UserImporter:
    """Handles imports, by the rules that creating one user has."""

    def __init__(self, user_repository: UserRepository) -> None:
        self._users = user_repository
        self._database = user_repository.database

    async def import_users(self, action: ImportUsersAction) -> ImportResult:
        """Add the rows that can be added, all in one transaction, and say what became of each."""
        require_well_formed(action)
        users = await self._at_home(action.users)
        numbered = enumerate(users, action.first_row)
        candidates = [self._judged(row, creator) for row, creator in numbered]
        await self._judge_passwords(candidates)
        if action.dry_run:
            async with self._database.autocommit() as tx:
                await self._compare(tx, candidates)
            return ImportResult([candidate.answer() for candidate in candidates])
        for candidate in candidates:
            if candidate.outcome == CREATED and candidate.creator.password is not None:
                password_hash = await self._users.hash_password(candidate.creator.password)
                candidate.columns["password_hash"] = password_hash
        async with self._database.transaction() as tx:
            await self._users.expect_growth(tx)
            await self._compare(tx, candidates)
            added = await self._insert(tx, candidates)
            await self._welcome(tx, added)
            for user_id, candidate in added:
                tx.note(
                    Note(
                        target=candidate.columns["username"],
                        target_id=user_id,
                        tenant_id=candidate.columns["tenant_id"],
                        changes={"role": (None, candidate.columns["role"])},
                    )
                )
        return ImportResult([candidate.answer() for candidate in candidates])

    async def _at_home(self, users: Sequence[UserCreator]) -> list[UserCreator]:
        """Those who are said to be of no tenant are of the actor's, where the actor is bound."""
        home = access.home_for(current_actor(), users)
        if home is None:
            return list(users)
        async with self._database.autocommit() as tx:
            return await self._users.at_home(tx, users, home)

    async def _welcome(self, tx: Transaction, added: Sequence[tuple[UUID, _Candidate]]) -> None:
        if not added:
            return
        users = await self._users.find_many(tx, [user_id for user_id, _ in added])
        newcomers = [(users[user_id], candidate.creator) for user_id, candidate in added]
        await self._users.welcome(tx, newcomers)

    def _judged(self, row: int, creator: UserCreator) -> _Candidate:
        candidate = _Candidate(row, creator, {})
        try:
            candidate.columns = rules.created_columns(creator)
        except InvalidInput as error:
            fault = error.violations[0]
            candidate.refuse(fault.field, fault.code, fault.message)
            return candidate
        if creator.password_hash is not None:
            if not self._users.recognises(creator.password_hash):
                message = "is of no known kind, or too costly to verify"
                candidate.refuse("password_hash", "unknown_hash", message)
            candidate.columns["password_hash"] = creator.password_hash
        return candidate

    async def _judge_passwords(self, candidates: Sequence[_Candidate]) -> None:
        """Ask the policies of all tenants that occur, at once."""
        given = [c for c in candidates if c.outcome == CREATED and c.creator.password is not None]
        wanted = [(c.creator.password, rules.owner_of(c.creator)) for c in given]
        found = await self._users.password_violations(wanted)
        for candidate, faults in zip(given, found, strict=True):
            for fault in faults:
                candidate.refuse(fault.field, fault.code, fault.message)

    async def _compare(self, tx: Transaction, candidates: Sequence[_Candidate]) -> None:
        """Judge the rows against the actor's rights, each other and what is there."""
        fit = [candidate for candidate in candidates if candidate.outcome == CREATED]
        await self._place(tx, fit)
        fit = [candidate for candidate in fit if candidate.outcome == CREATED]
        names = [candidate.keys[0] for candidate in fit]
        emails = [key for candidate in fit if (key := candidate.keys[1]) is not None]
        taken = await self._users.taken(tx, names, emails)
        by_name = {row["username_key"]: (row["email_key"], row["tenant_id"]) for row in taken}
        by_email = {row["email_key"] for row in taken if row["email_key"] is not None}
        seen_names: set[str] = set()
        seen_emails: set[str] = set()
        for candidate in fit:
            name, email = candidate.keys
            if by_name.get(name) == (email, candidate.columns["tenant_id"]):
                candidate.outcome = UNCHANGED
            elif name in by_name or name in seen_names:
                candidate.refuse("username", "taken", "is taken already")
            elif email is not None and (email in by_email or email in seen_emails):
                candidate.refuse("email", "taken", "is taken already")
            else:
                seen_names.add(name)
                seen_emails |= {email} if email is not None else set()
        await self._ask_companions(tx, [c for c in fit if c.outcome == CREATED])

    async def _ask_companions(self, tx: Transaction, fit: Sequence[_Candidate]) -> None:
        wanted = [(candidate.columns["tenant_id"], candidate.creator) for candidate in fit]
        for place, fault in (await self._users.objections(tx, wanted)).items():
            fit[place].refuse(fault.field, fault.code, fault.message)

    async def _place(self, tx: Transaction, fit: Sequence[_Candidate]) -> None:
        actor = current_actor()
        scope = Scope.of(actor)
        tenants: dict[str, UUID | None] = {}
        policies = await self._users.resource_policies(tx)
        for candidate in fit:
            name = candidate.columns.pop("domain_name")
            if name not in tenants:
                tenants[name] = await self._users.find_tenant(tx, name, scope)
            tenant_id = tenants[name]
            if tenant_id is None:
                candidate.refuse("domain_name", "unknown", f"there is no tenant {name!r}")
                continue
            if candidate.columns["resource_policy"] not in policies:
                candidate.refuse("resource_policy", "unknown", "there is no such resource policy")
            candidate.columns["tenant_id"] = tenant_id
            try:
                access.require_may_create(actor, candidate.columns["role"], tenant_id)
            except PermissionError as error:
                candidate.refuse(error.field or "role", error.code, error.message)

    async def _insert(
        self, tx: Transaction, candidates: Sequence[_Candidate]
    ) -> list[tuple[UUID, _Candidate]]:
        rows = [candidate for candidate in candidates if candidate.outcome == CREATED]
        ids = await self._users.insert_many(tx, [candidate.columns for candidate in rows])
        added = []
        for user_id, candidate in zip(ids, rows, strict=True):
            if user_id is None:
                candidate.refuse("username", "taken", "was taken by somebody else just now")
            else:
                added.append((user_id, candidate))
        return added
