-- Nothing is lost between the contract and the timeline, and nothing is counted twice.
with expected as (
    select source_system, count(*) as row_count
    from {{ ref('interactions') }}
    where deleted_at is null
    group by source_system
),

found as (
    select source_system, count(*) as row_count
    from {{ ref('fct_interaction') }}
    group by source_system
)

select coalesce(expected.source_system, found.source_system) as source_system, expected.row_count, found.row_count
from expected
full join found on expected.source_system = found.source_system
where expected.row_count is distinct from found.row_count
