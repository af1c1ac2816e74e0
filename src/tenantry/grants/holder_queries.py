"""The SQL that finds who could hold something: a superset, from which the engine then chooses.

All go in the order of the users' ids, along indexes, and stop after as many as are asked for; so
a page takes as long with a million users as with a thousand.
"""

from tenantry.kernel.transaction import Statement

OPENING_ROLES = Statement(
    "holders.opening_roles",
    "The roles whose members could have one of two privileges on an object, heirs included.",
    """
    with recursive opening (role_id) as (
        select r.id from roles r
        where r.permissions && $1::text[] and (r.databases is null or $2::text = any(r.databases))
        union
        select g.role_id from grants g
        where g.role_id is not null and g.privilege = any($1::text[])
            and (g.database is null or (g.database = $2
                and (g.schema_name is null or (g.schema_name = $3::text
                    and (g.table_name is null or g.table_name = $4::text)))))
        union
        select p.role_id from role_parents p join opening o on o.role_id = p.parent_id
    )
    select role_id from opening
    """,
)
HEIRS = Statement(
    "holders.heirs",
    "A role and all roles that inherit from it.",
    """
    with recursive heirs (role_id) as (
        select r.id from roles r where r.id = $1
        union
        select p.role_id from role_parents p join heirs h on h.role_id = p.parent_id
    )
    select role_id from heirs
    """,
)

WALKED = 100
"""So many memberships are walked through for each user who is looked for."""
_LEVELS = (
    "g.database is null and g.schema_name is null and g.table_name is null",
    "g.database = $2::text and g.schema_name is null and g.table_name is null",
    "g.database = $2::text and g.schema_name = $3::text and g.table_name is null",
    "g.database = $2::text and g.schema_name = $3::text and g.table_name = $4::text",
)
_OF_TENANT = "join users u on u.id = {id} and u.tenant_id = $8::uuid"


def _granted(of_tenant: str) -> str:
    """Users with a direct grant at each level, for each of two privileges."""
    joined = of_tenant.format(id="g.user_id")
    return " union all ".join(
        f"""
        (select distinct g.user_id from grants g {joined}
        where {level} and g.privilege = ($1::text[])[{place}] and g.user_id > $6::uuid
        order by g.user_id limit $7)
        """
        for level in _LEVELS
        for place in (1, 2)
    )


def _holding(of_tenant: str, *, roles: str, after: str, limit: str) -> str:
    """Users who hold one of some roles."""
    return f"""
        (select found.user_id from unnest({roles}::uuid[]) as role (id)
        cross join lateral (
            select m.user_id from role_members m {of_tenant.format(id="m.user_id")}
            where m.role_id = role.id and m.user_id > {after}::uuid
            order by m.user_id limit {limit}
        ) found)
    """


def _walked(of_tenant: str, *, roles: str, after: str, limit: str) -> str:
    """The same out of memberships in the order of users, as far as enough may be found.

    Where that was not far enough, users are missing, and ``is_whole`` is false.
    """
    return f"""
    walked as (
        select m.user_id, m.role_id from role_members m {of_tenant.format(id="m.user_id")}
        where m.user_id > {after}::uuid order by m.user_id limit {WALKED} * {limit}
    ), holding as (
        select distinct w.user_id from walked w
        join unnest({roles}::uuid[]) as role (id) on role.id = w.role_id
        order by w.user_id limit {limit}
    ), reached as (
        select (select count(*) from holding) >= {limit}
            or (select count(*) from walked) < {WALKED} * {limit} as is_whole
    )
    """


def _candidates(of_tenant: str) -> str:
    holding = _holding(of_tenant, roles="$5", after="$6", limit="$7")
    return f"""
    select distinct user_id from ({holding} union all {_granted(of_tenant)}) found
    order by user_id limit $7
    """


def _candidates_walked(of_tenant: str) -> str:
    walked = _walked(of_tenant, roles="$5", after="$6", limit="$7")
    return f"""
    with {walked}
    select distinct user_id, is_whole from reached cross join (
        select user_id from holding union all {_granted(of_tenant)}) found
    order by user_id limit $7
    """


CANDIDATES = Statement(
    "holders.candidates",
    "Users with one of these roles, or a direct grant that covers an object, by id.",
    _candidates(""),
    anew=True,
)
CANDIDATES_WALKED = Statement(
    "holders.candidates_walked",
    "The same where the roles are many, unless too few of them are met; is_whole says so.",
    _candidates_walked(""),
)
CANDIDATES_OF_TENANT = Statement(
    "holders.candidates_of_tenant",
    "The same for the users of one tenant.",
    _candidates(_OF_TENANT),
    anew=True,
)
CANDIDATES_OF_TENANT_WALKED = Statement(
    "holders.candidates_of_tenant_walked",
    "The same for the users of one tenant.",
    _candidates_walked(_OF_TENANT),
)
_MEMBERS = "select distinct user_id from ({}) found order by user_id limit $3"
MEMBERS = Statement(
    "holders.members",
    "Users who hold one of some roles, by id.",
    _MEMBERS.format(_holding("", roles="$1", after="$2", limit="$3")),
    anew=True,
)
_MEMBERS_WALKED = "with {} select user_id, is_whole from reached, holding order by user_id"
MEMBERS_WALKED = Statement(
    "holders.members_walked",
    "The same where the roles are many, unless too few of them are met; is_whole says so.",
    _MEMBERS_WALKED.format(_walked("", roles="$1", after="$2", limit="$3")),
)
MEMBERS_OF_TENANT = Statement(
    "holders.members_of_tenant",
    "The same for the users of one tenant.",
    _MEMBERS.format(_holding(_OF_TENANT.replace("$8", "$4"), roles="$1", after="$2", limit="$3")),
    anew=True,
)
MEMBERS_OF_TENANT_WALKED = Statement(
    "holders.members_of_tenant_walked",
    "The same for the users of one tenant.",
    _MEMBERS_WALKED.format(
        _walked(_OF_TENANT.replace("$8", "$4"), roles="$1", after="$2", limit="$3")
    ),
)
USER_IDS = Statement(
    "holders.user_ids",
    "Users by ids and by normal forms of usernames, those in sight.",
    """
    select u.id, u.username_key from users u
    where (u.id = any($1::uuid[]) or u.username_key = any($2::text[]))
        and ($3::uuid is null or u.tenant_id = $3) and ($4::uuid is null or u.id = $4)
    """,
)
DESCRIBED = Statement(
    "holders.described",
    "Users by id, as they are listed.",
    """
    select u.id as user_id, u.username, u.full_name, t.name as domain_name
    from users u join tenants t on t.id = u.tenant_id
    where u.id = any($1::uuid[]) order by u.id
    """,
)
BEYOND = Statement(
    "holders.beyond",
    "The databases of other tenants into which users of a tenant are not let.",
    """
    select d.database from tenant_databases d
    join tenants t on t.id = d.tenant_id join tenants own on own.id = $1
    where t.id <> own.id and (t.isolated or own.isolated or t.status <> 'active')
    order by d.database
    """,
)
