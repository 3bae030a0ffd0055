{{ config(indexes=[{'columns': ['source_record_id']}, {'columns': ['customer_id']}]) }}

select
    cards.source_system,
    cards.source_record_id,
    links.customer_id,
    case
        when links.customer_id is not null then null
        when cards.deleted_at is not null then 'card_deleted'
        else 'card_not_linked'
    end as no_customer_reason,
    links.linked_by,
    cast(links.match_probability as double precision) as match_probability,
    cards.created_at,
    cards.updated_at,
    cards.deleted_at
from {{ ref('customer_records') }} as cards
left join {{ source('identity', 'record_customers') }} as links
    on cards.source_system = links.source_system and cards.source_record_id = links.source_record_id
