select
    {{ hash_key(['source_system', 'entity', 'source_status']) }} as status_id,
    source_system,
    entity,
    source_status,
    status
from {{ ref('statuses') }}
