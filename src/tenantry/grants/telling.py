"""Puts the engine's answers into words that people know: names in place of ids."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from tenantry.decisions.effective import Effective
from tenantry.decisions.explain import Explanation as Found
from tenantry.decisions.paths import Path
from tenantry.grants.deciding import Picture
from tenantry.grants.model import (
    AccessPath,
    Explanation,
    Holder,
    PrivilegeOn,
    Remedy,
    RoleEffect,
    ServerEnforcement,
    StillHeld,
)
from tenantry.grants.permissions import EffectivePrivilege, UserPermissions, digest
from tenantry.grants.tags import TagEffect
from tenantry.privileges.model import DatabaseObject, Privilege, expanded
from tenantry.users.model import UserData

Names = Mapping[UUID, str]
_EVERY = expanded([Privilege.ALL])


def path_told(path: Path, names: Names) -> AccessPath:
    """A path."""
    grant = path.grant
    return AccessPath(
        roles=[names[role_id] for role_id in path.role_ids],
        grant_id=grant.id if grant else None,
        privilege=path.privilege,
        database=path.object.database,
        schema=path.object.schema,
        table=path.object.table,
        within=_named(path.within_id, names),
        valid_from=grant.valid_from if grant else None,
        valid_until=path.valid_until,
    )


def explanation_told(
    user: UserData,
    privilege: Privilege,
    on: DatabaseObject,
    found: Found,
    names: Names,
    effect: ServerEnforcement | None,
) -> Explanation:
    """An explanation."""
    remedy = None
    if found.remedy is not None:
        remedy = Remedy(
            grant=_on(found.remedy.privilege, found.remedy.object, None),
            roles=[names[role_id] for role_id in found.remedy.role_ids],
        )
    return Explanation(
        user=user.username,
        privilege=privilege,
        database=on.database,
        schema=on.schema,
        table=on.table,
        allowed=found.allowed,
        paths=[path_told(path, names) for path in found.paths],
        reason=found.reason,
        remedy=remedy,
        enforcement=effect,
    )


def permissions_told(user: UserData, picture: Picture, beyond: Sequence[str]) -> UserPermissions:
    """All that a user may do; ``beyond`` are the databases that a wall keeps the user out of."""
    facts = picture.loaded.users.get(user.id)
    found = picture.effective(facts) if facts is not None else []
    names = picture.loaded.names
    told: list[EffectivePrivilege] = []
    for (privilege, on, within_id), paths in _by_path(found).items():
        databases = None
        if within_id is not None:
            databases = sorted(n for n, of in picture.loaded.databases.items() if of == within_id)
        told.append(
            EffectivePrivilege(
                privilege=privilege,
                database=on.database,
                schema=on.schema,
                table=on.table,
                within=_named(within_id, names),
                databases=databases,
                paths=[path_told(path, names) for path in paths],
            )
        )
    return UserPermissions(
        user=user.username,
        at=picture.now,
        effective=told,
        beyond=sorted(digest(database) for database in beyond),
    )


def still_held_told(held: Mapping[Privilege, Sequence[Path]], names: Names) -> list[StillHeld]:
    """What is held in spite of a revocation."""
    return [
        StillHeld(privilege=privilege, paths=[path_told(path, names) for path in held[privilege]])
        for privilege in Privilege
        if held.get(privilege)
    ]


def effect_told(
    person: Holder,
    effect: tuple[Iterable[Effective], Iterable[Effective]],
    tags: TagEffect,
    names: Names,
) -> RoleEffect:
    """What a user would gain and lose."""
    gains, loses = effect
    return RoleEffect(
        user_id=person.user_id,
        username=person.username,
        gains=_gathered(gains, names),
        loses=_gathered(loses, names),
        gained_permissions=sorted(tags.gains),
        lost_permissions=sorted(tags.loses),
    )


def _gathered(found: Iterable[Effective], names: Names) -> list[PrivilegeOn]:
    """Privileges on objects; all that there are on one are ALL."""
    on: dict[tuple[DatabaseObject, UUID | None], set[Privilege]] = {}
    for one in found:
        on.setdefault((one.object, one.within_id), set()).add(one.privilege)
    return [
        _on(privilege, where, _named(within_id, names))
        for (where, within_id), privileges in on.items()
        for privilege in ([Privilege.ALL] if privileges == _EVERY else sorted(privileges))
    ]


def _by_path(
    found: Iterable[Effective],
) -> dict[tuple[Privilege, DatabaseObject, UUID | None], dict[Path, None]]:
    """The paths by what each gives: ALL once, and not as every single privilege."""
    by: dict[tuple[Privilege, DatabaseObject, UUID | None], dict[Path, None]] = {}
    for one in found:
        for path in one.paths:
            by.setdefault((path.privilege, path.object, one.within_id), {})[path] = None
    return by


def _on(privilege: Privilege, on: DatabaseObject, within: str | None) -> PrivilegeOn:
    return PrivilegeOn(
        privilege=privilege,
        database=on.database,
        schema=on.schema,
        table=on.table,
        within=within,
    )


def _named(tenant_id: UUID | None, names: Names) -> str | None:
    return None if tenant_id is None else names.get(tenant_id)
