-- What each inbox is: a channel of ours, and what its contacts' IDs there are (seed inbox_kinds). An inbox of
-- a kind that nobody has named yet counts as a messenger.
select
    inboxes.id,
    coalesce(kinds.channel, 'messenger') as channel,
    kinds.messenger_kind,
    kinds.contact_kind
from {{ source('chatwoot', 'inboxes') }} as inboxes
left join {{ ref('inbox_kinds') }} as kinds on inboxes.channel_type = kinds.channel_type
