with visitors as (
    select * from {{ ref('stg_matomo__visitors') }}
    where no_record_reason is null
),

identifiers as (
    select visitor_id, 'visitor' as kind, visitor_id as value from visitors
    union all
    select visitor_id, 'login' as kind, user_id as value from visitors
    union all
    select visitor_id, 'account' as kind, '{{ var("shop") }}:user:' || user_id as value from visitors
    union all
    select orders.visitor_id, 'account' as kind, '{{ var("shop") }}:order:' || orders.order_number as value
    from {{ ref('stg_matomo__visitor_orders') }} as orders
    -- What was ordered without a log-in, in a browser where somebody logs in, may be another's of the family.
    inner join visitors
        on
            orders.visitor_id = visitors.visitor_id
            and coalesce(orders.user_id, '') = coalesce(visitors.user_id, '')
)

select 'matomo' as source_system, 'visitor:' || visitor_id as source_record_id, kind, value
from identifiers
where value is not null
