-- Visitors who logged in or ordered; a stranger's browser is no card, and becomes one with all its past when
-- it turns out whose it is.
select
    'matomo' as source_system,
    'visitor:' || visitor_id as source_record_id,
    user_id as login_id,
    false as is_company,
    created_at,
    updated_at
from {{ ref('stg_matomo__visitors') }}
where no_record_reason is null
