with identifiers as (
    select source_record_id, 'phone' as kind, phone as value from {{ ref('stg_woocommerce__billing') }}
    where deleted_at is null
    union all
    select source_record_id, 'email' as kind, email as value from {{ ref('stg_woocommerce__billing') }}
    where deleted_at is null
    union all
    select source_record_id, 'loyalty_card' as kind, loyalty_card as value from {{ ref('stg_woocommerce__billing') }}
    where deleted_at is null
    union all
    select source_record_id, 'email' as kind, email as value from {{ ref('stg_woocommerce__customer_records') }}
    union all
    select source_record_id, 'phone' as kind, phone as value from {{ ref('stg_woocommerce__customer_records') }}
    union all
    select source_record_id, 'login' as kind, login_id as value from {{ ref('stg_woocommerce__customer_records') }}
)

select distinct 'woocommerce' as source_system, source_record_id, kind, value
from identifiers
where source_record_id is not null and value is not null
