"""Django's permissions: groups for roles, a permission for each privilege on an object.

Groups do not inherit, so each gets what its role inherits. User objects are kept, with the
permissions that Django keeps in them; only the first question of a user reads the database.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import django
from django.conf import settings

from bench.peers.peer import Loaded, Prepared
from bench.peers.world import Grant, Question, World

BATCH = 5000


def load(world: World) -> Loaded:
    """Fill a SQLite database in memory."""
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        USE_TZ=True,
    )
    django.setup()
    from django.core.management import call_command  # after setup only, as Django wants it

    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User
    from django.db import transaction

    with transaction.atomic():  # foreign keys are looked at when it ends
        _fill(world)
    kept: dict[int, Any] = {}  # Any: Django's models have no types

    def ask(prepared: Prepared) -> bool:
        number, codenames = prepared
        user = kept.get(number)
        if user is None:
            user = kept[number] = User.objects.get(pk=number + 1)
        return any(user.has_perm(codename) for codename in codenames)

    return Loaded(_prepared, ask)


def _fill(world: World) -> None:
    from django.contrib.auth.models import Group, Permission, User
    from django.contrib.contenttypes.models import ContentType

    kind = ContentType.objects.get_for_model(User)
    ids: dict[Grant, int] = {}

    def of(grant: Grant) -> int:
        if grant not in ids:
            ids[grant] = 1000 + len(ids)
        return ids[grant]

    group_rows = []
    for role in range(world.size.roles):
        inherited = {g for one in world.heirlooms(role) for g in world.role_grants[one]}
        group_rows += [(role + 1, of(grant)) for grant in inherited]
    _store(Group, (Group(id=n + 1, name=f"role{n}") for n in range(world.size.roles)))
    _store(User, (User(id=n + 1, username=f"user{n}") for n in range(world.size.users)))
    members = User.groups.through
    rights = User.user_permissions.through
    _store(
        members,
        (members(user_id=n + 1, group_id=r + 1) for n, held, _ in world.users() for r in held),
    )
    _store(
        rights,
        (
            rights(user_id=n + 1, permission_id=of(grant))
            for n, _, grants in world.users()
            for grant in set(grants)
        ),
    )
    _store(
        Permission,
        (
            Permission(id=id, content_type=kind, codename=_codename(grant), name="-")
            for grant, id in ids.items()
        ),
    )
    held = Group.permissions.through
    _store(held, (held(group_id=role, permission_id=grant) for role, grant in group_rows))


def _store(model: Any, rows: Iterable[Any]) -> None:  # Any: as above
    each: Iterator[Any] = iter(rows)
    while batch := list(islice(each, BATCH)):
        model.objects.bulk_create(batch)


def _codename(grant: Grant) -> str:
    return ".".join(part for part in grant if part)


def _prepared(question: Question) -> Prepared:
    names = (question.database, question.schema, question.table)
    return question.user, [
        "auth." + _codename(Grant(privilege, *names[:level]))
        for level in (3, 2, 1, 0)
        for privilege in (question.privilege, "ALL")
    ]
