"""The SQL of what every check may need: all tenants, and whose each database is."""

from tenantry.kernel.transaction import Statement

TENANTS = Statement(
    "checks.tenants",
    "All tenants, or these, with their databases: one snapshot.",
    """
    select t.id, t.status = 'active' as active, t.isolated,
        array(select d.database from tenant_databases d where d.tenant_id = t.id) as databases
    from tenants t where $1::uuid[] is null or t.id = any($1)
    """,
)
IDS = Statement(
    "checks.ids",
    "Who bears these names, in their normal form.",
    "select username_key, id from users where username_key = any($1::text[])",
)
