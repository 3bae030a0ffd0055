select
    'chatwoot' as source_system,
    source_record_id,
    {{ to_text("concat_ws(' ', given_name, middle_name, family_name)") }} as full_name,
    -- One field often holds the whole name: only beside a surname is it the given one.
    case when family_name is not null then given_name end as given_name,
    middle_name,
    family_name,
    phone,
    email,
    country,
    messenger_kind,
    messenger_id,
    login_id,
    false as is_company,
    created_at,
    updated_at,
    deleted_at
from {{ ref('stg_chatwoot__contacts') }}
where is_card
