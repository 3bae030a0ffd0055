with contacts as (
    select * from {{ ref('stg_chatwoot__contacts') }}
    where is_card
),

identifiers as (
    {% for kind, column in [('phone', 'phone'), ('email', 'email'), ('login', 'login_id')] -%}
    select source_record_id, '{{ kind }}' as kind, {{ column }} as value from contacts
    union all
    {% endfor -%}
    -- The shop's pages tell the widget who is logged in.
    select source_record_id, 'account' as kind, '{{ var("shop") }}:user:' || login_id as value from contacts
    union all
    select
        contacts.source_record_id,
        channels.kind,
        case when channels.kind = 'messenger' then channels.messenger_kind || ':' else '' end
        || channels.value as value
    from {{ ref('stg_chatwoot__contact_channels') }} as channels
    inner join contacts on channels.contact_id = contacts.contact_id
)

select distinct 'chatwoot' as source_system, source_record_id, kind, value
from identifiers
where value is not null
