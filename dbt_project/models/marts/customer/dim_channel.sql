select
    channel,
    channel_name,
    is_digital,
    is_online
from {{ ref('channels') }}
