"""The SQL of finding passwords that do not comply."""

from datetime import datetime
from uuid import UUID

from tenantry.kernel.transaction import Row, Statement, Transaction

REPORT = Statement(
    "password_report.page",
    "Active users with a shortcoming of their password, in order of their names.",
    """
    select * from (
        select u.id, u.username, u.username_key, t.name as domain_name, u.password_changed_at,
            u.last_login,
            array_remove(array[
                case when u.password_hash is null then 'no_password' end,
                case when u.need_password_change then 'must_change' end,
                case when u.password_changed_at + make_interval(days => p.max_age_days) <= $1
                    then 'too_old' end,
                case when u.password_changed_at < p.modified_at then 'before_policy' end,
                case when left(u.password_hash, length($2)) <> $2 then 'weak_hash' end
            ], null) as shortcomings
        from users u join tenants t on t.id = u.tenant_id
        left join password_policies p on p.tenant_id = u.tenant_id
        where u.status = 'active' and ($3::uuid is null or u.tenant_id = $3)
            and ($4::text is null or (u.username_key, u.id) > ($4, $5::uuid))
    ) found
    where cardinality(shortcomings) > 0 and ($6::text is null or $6 = any(shortcomings))
    order by username_key, id limit $7
    """,
)


class ReportRepository:
    """Looks through the users."""

    async def page(
        self,
        tx: Transaction,
        *,
        now: datetime,
        present_hash: str,
        tenant_id: UUID | None,
        after: tuple[str, UUID] | None,
        shortcoming: str | None,
        limit: int,
    ) -> list[Row]:
        """Users with shortcomings; ``present_hash`` is how a hash of today's cost begins."""
        key, user_id = after or (None, None)
        return list(
            await tx.fetch(REPORT, now, present_hash, tenant_id, key, user_id, shortcoming, limit)
        )
