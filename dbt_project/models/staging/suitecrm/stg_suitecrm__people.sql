-- Contacts and leads have the same columns but for the lead's conversion.
{% for table, kind in [('contacts', 'contact'), ('leads', 'lead')] %}
select
    '{{ kind }}:' || id as source_record_id,
    {{ to_text('salutation') }} as salutation,
    {{ to_text('first_name') }} as given_name,
    {{ to_text('last_name') }} as family_name,
    {{ to_text('phone_mobile') }} as phone_mobile,
    {{ to_text('phone_home') }} as phone_home,
    {{ to_text('phone_other') }} as phone_other,
    {{ to_text('phone_work') }} as phone_work,
    {{ to_text('primary_address_street') }} as street,
    {{ to_text('primary_address_city') }} as city,
    {{ to_text('primary_address_postalcode') }} as postcode,
    {{ to_text('primary_address_country') }} as country,
    {{ to_date('birthdate') }} as birth_date,
    {{ to_text('lead_source') }} as lead_source,
    campaign_id as campaign,
    assigned_user_id as employee_id,
    {% if kind == 'lead' -%}
    case
        when {{ to_boolean('converted') }} then 'contact:' || nullif(contact_id, '')
    end as parent_record_id,
    status as lead_status,
    {%- else -%}
    cast(null as text) as parent_record_id,
    cast(null as text) as lead_status,
    {%- endif %}
    {{ to_utc('date_entered') }} as created_at,
    {{ to_utc('date_modified') }} as updated_at,
    case
        when {{ to_boolean('deleted') }} then {{ to_utc('date_modified') }} else _deleted_at
    end as deleted_at
from {{ source('suitecrm', table) }}
{% if not loop.last %}union all{% endif %}
{% endfor %}
