"""The second fence: a role for what is done on behalf of one tenant, and walls around its rows."""

from alembic import op

revision = "0018"
down_revision = "0017"

ROLE = """
    do $$ declare
        owner name := current_user;
        lent text := 'with inherit false, set true';
    begin
        if not exists (select from pg_roles where rolname = 'tenantry_member') then
            create role tenantry_member nologin;
        end if;
        -- To be put on, never to be inherited: who is fenced is so on purpose.
        if current_setting('server_version_num')::integer < 160000 then
            lent := '';
            if (select rolinherit from pg_roles where rolname = 'tenantry_app') then
                alter role tenantry_app noinherit;
            end if;
        end if;
        if not pg_has_role('tenantry_app', 'tenantry_member', 'member') then
            execute format('grant tenantry_member to tenantry_app %s', lent);
        end if;
        if not pg_has_role(owner, 'tenantry_member', 'member') then
            execute format('grant tenantry_member to %I %s', owner, lent);
        end if;
    end $$
"""

FENCE = (
    """
    create function fenced_tenant() returns uuid
    language sql stable parallel safe set search_path = pg_catalog as $$
        select nullif(current_setting('tenantry.tenant', true), '')::uuid
    $$
    """,
    # What the application may do with a table, members may do, too.
    """
    create procedure open_to_members(target regclass)
    language plpgsql set search_path = pg_catalog, public as $$
    declare
        given record;
    begin
        for given in
            select acl.privilege_type from pg_class c, aclexplode(c.relacl) acl
            where c.oid = target and acl.grantee = 'tenantry_app'::regrole
        loop
            execute format('grant %s on %s to tenantry_member', given.privilege_type, target);
        end loop;
        for given in
            select acl.privilege_type, a.attname
            from pg_attribute a, aclexplode(a.attacl) acl
            where a.attrelid = target and acl.grantee = 'tenantry_app'::regrole
        loop
            execute format('grant %s (%I) on %s to tenantry_member',
                given.privilege_type, given.attname, target);
        end loop;
    end
    $$
    """,
    # The same, and a member sees and writes only the rows of the tenant that is named.
    """
    create procedure wall_in(target regclass, seen text, written text default null)
    language plpgsql set search_path = pg_catalog, public as $$
    begin
        call open_to_members(target);
        execute format('alter table %s enable row level security', target);
        execute format('create policy everything on %s to tenantry_app '
            'using (true) with check (true)', target);
        execute format('create policy own_tenant on %s to tenantry_member '
            'using (%s) with check (%s)', target, seen, coalesce(written, seen));
    end
    $$
    """,
    "revoke all on procedure open_to_members(regclass) from public",
    "revoke all on procedure wall_in(regclass, text, text) from public",
)

# Walls around every table that says whose its rows are and has none yet; the rest is open. The
# migrations end with it, so that a table of a later one is not forgotten.
RAISE = (
    """
    create procedure raise_walls()
    language plpgsql set search_path = pg_catalog, public as $$
    declare
        bare record;
        own constant text := 'tenant_id = (select fenced_tenant())';
        seen text;
        written text;
    begin
        for bare in
            select c.oid::regclass as name, x.columns, x.needed from pg_class c
            cross join lateral (
                select coalesce(array_agg(a.attname::text), '{}') as columns,
                    coalesce(array_agg(a.attname::text) filter (where a.attnotnull), '{}') as needed
                from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            ) x
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                and not c.relispartition and not c.relrowsecurity
            order by c.relname
        loop
            seen := null;
            written := null;
            if 'tenant_id' = any(bare.needed) then
                seen := own;
            elsif 'tenant_id' = any(bare.columns) then
                seen := 'tenant_id is null or ' || own;
                if to_regclass('public.role_members') is not null
                        and bare.name = to_regclass('public.roles') then
                    seen := seen ||
                        ' or exists (select from role_members m where m.role_id = roles.id)';
                end if;
                written := own;
            elsif 'user_id' = any(bare.needed) then
                seen := format('exists (select from users u where u.id = %s.user_id)', bare.name);
            elsif array['user_id', 'role_id'] <@ bare.columns then
                seen := format('case when user_id is null '
                    'then exists (select from roles r where r.id = %1$s.role_id) '
                    'else exists (select from users u where u.id = %1$s.user_id) end', bare.name);
            elsif 'role_id' = any(bare.columns) then
                seen := format('exists (select from roles r where r.id = %s.role_id)', bare.name);
            end if;
            if seen is null then
                call open_to_members(bare.name);
            else
                call wall_in(bare.name, seen, written);
            end if;
        end loop;
        for bare in
            select p.oid::regprocedure as name from pg_proc p, aclexplode(p.proacl) acl
            where p.pronamespace = 'public'::regnamespace and not p.prosecdef
                and acl.grantee = 'tenantry_app'::regrole
        loop
            execute format('grant execute on function %s to tenantry_member', bare.name);
        end loop;
    end
    $$
    """,
    "revoke all on procedure raise_walls() from public",
)
SPECIAL = ("call wall_in('tenants', 'id = (select fenced_tenant())')",)

ACROSS = (
    # Names are unique over all tenants, which is the one thing that shows through the wall.
    """
    create function names_taken(username_keys text[], email_keys text[])
    returns table (username_key text, email_key text, tenant_id uuid)
    language sql stable security definer set search_path = pg_catalog, public as $$
        select u.username_key, u.email_key, u.tenant_id from public.users u
        where u.username_key = any(username_keys) or u.email_key = any(email_keys)
    $$
    """,
    # Agents are shared, so how full they are is counted over all tenants.
    """
    create function agent_loads() returns table (agent text, cpu bigint, memory numeric, gpu float8)
    language sql stable security definer set search_path = pg_catalog, public as $$
        select s.agent, sum(s.cpu)::bigint, sum(s.memory), sum(s.gpu)
        from public.compute_sessions s
        where s.status in ('pending', 'running', 'terminating') and s.agent is not null
        group by s.agent
    $$
    """,
    "revoke all on function names_taken(text[], text[]) from public",
    "revoke all on function agent_loads() from public",
    "grant execute on function names_taken(text[], text[]) to tenantry_app, tenantry_member",
    "grant execute on function agent_loads() to tenantry_app, tenantry_member",
)

LESS = (
    """
    do $$ begin
        execute format('revoke temporary, create on database %I from public', current_database());
    end $$
    """,
    "grant usage on schema public to tenantry_member",
)


def upgrade() -> None:
    """Make it all."""
    for statement in (ROLE, *FENCE, *RAISE, *LESS, *SPECIAL, *ACROSS, "call raise_walls()"):
        op.execute(statement)
