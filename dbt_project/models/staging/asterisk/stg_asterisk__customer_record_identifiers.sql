select
    source_system,
    source_record_id,
    'phone' as kind,
    phone as value
from {{ ref('stg_asterisk__customer_records') }}
