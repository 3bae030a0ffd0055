-- What came back in any channel is in the marts once, with its amount.
select expected.row_count, found.row_count as found_count, expected.amount, found.amount as found_amount
from (
    select count(*) as row_count, coalesce(sum(amount), 0) as amount from {{ ref('returns') }}
    where deleted_at is null
) as expected
cross join (
    select count(*) as row_count, coalesce(sum(amount), 0) as amount from {{ ref('fct_return_line') }}
) as found
where expected.row_count <> found.row_count or expected.amount <> found.amount
