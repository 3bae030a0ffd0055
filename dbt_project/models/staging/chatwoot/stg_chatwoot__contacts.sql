-- A contact whose name Chatwoot made up (icy-sea-123), or took from the number or the mailbox, has none. Who
-- left neither a name nor anything to be reached by is nobody's card.
with named as (
    select
        *,
        case
            when
                not {{ matches('name', '^[a-z]+-[a-z]+-[0-9]{1,4}$') }}
                and not {{ matches('name', '^[-+0-9 ().]+$') }}
                and not {{ matches('name', '@') }}
                then {{ to_text('name') }}
        end as given_name
    from {{ source('chatwoot', 'contacts') }}
),

channels as (
    select
        contact_id,
        {{ first_by("case when kind = 'messenger' then messenger_kind end", 'id') }} as messenger_kind,
        {{ first_by("case when kind = 'messenger' then value end", 'id') }} as messenger_id,
        {{ first_by("case when kind = 'phone' then value end", 'id') }} as phone,
        {{ first_by("case when kind = 'email' then value end", 'id') }} as email
    from {{ ref('stg_chatwoot__contact_channels') }}
    group by contact_id
)

select
    named.id as contact_id,
    'contact:' || named.id as source_record_id,
    named.given_name,
    {{ to_text('named.middle_name') }} as middle_name,
    {{ to_text('named.last_name') }} as family_name,
    coalesce({{ to_text('named.phone_number') }}, channels.phone) as phone,
    coalesce({{ to_text('named.email') }}, channels.email) as email,
    {{ to_text('named.identifier') }} as login_id,
    upper({{ to_text('named.country_code') }}) as country,
    channels.messenger_kind,
    channels.messenger_id,
    coalesce(
        named.given_name,
        {{ to_text('named.last_name') }},
        {{ to_text('named.phone_number') }},
        {{ to_text('named.email') }},
        {{ to_text('named.identifier') }},
        channels.phone,
        channels.email,
        channels.messenger_id
    ) is not null as is_card,
    {{ to_utc('named.created_at') }} as created_at,
    {{ to_utc('named.updated_at') }} as updated_at,
    named._deleted_at as deleted_at
from named
left join channels on named.id = channels.contact_id
