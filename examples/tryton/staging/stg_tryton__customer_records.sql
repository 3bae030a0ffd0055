with contacts as (
    select
        party,
        max(value) filter (where kind = 'phone') as phone,
        max(value) filter (where kind = 'email') as email
    from {{ ref('stg_tryton__contact_values') }}
    where position = 1
    group by party
),

addresses as (
    select
        addresses.party,
        coalesce(
            {{ to_text('addresses.street_unstructured') }},
            {{ to_text(
                "concat_ws(', ', addresses.street_name, addresses.building_number, addresses.unit_number)"
            ) }}
        ) as street,
        {{ to_text('addresses.city') }} as city,
        {{ to_text('addresses.postal_code') }} as postcode,
        countries.code as country,
        row_number() over (
            partition by addresses.party
            order by addresses.sequence nulls last, addresses.id
        ) as position
    from {{ source('tryton', 'party_address') }} as addresses
    left join {{ source('tryton', 'country_country') }} as countries on addresses.country = countries.id
    where addresses.active and addresses._deleted_at is null
),

-- A company's INN has ten digits, a person's twelve: Tryton itself does not tell companies from people.
tax_ids as (
    select party, min(code) as tax_id
    from {{ source('tryton', 'party_identifier') }}
    where type = 'ru_vat' and _deleted_at is null
    group by party
)

select
    'tryton' as source_system,
    'party:' || parties.id as source_record_id,
    {{ to_text('parties.name') }} as full_name,
    contacts.phone,
    contacts.email,
    tax_ids.tax_id,
    addresses.street,
    addresses.city,
    addresses.postcode,
    addresses.country,
    -- Merged within Tryton: the same person by its own word.
    case when not coalesce(length(survivors.tax_id) = 10, false) then 'party:' || parties.replaced_by end
        as parent_record_id,
    coalesce(length(tax_ids.tax_id) = 10, false) as is_company,
    {{ to_utc('parties.create_date') }} as created_at,
    {{ to_utc('coalesce(parties.write_date, parties.create_date)') }} as updated_at,
    parties._deleted_at as deleted_at
from {{ source('tryton', 'party_party') }} as parties
left join contacts on parties.id = contacts.party
left join addresses on parties.id = addresses.party and addresses.position = 1
left join tax_ids on parties.id = tax_ids.party
left join tax_ids as survivors on parties.replaced_by = survivors.party
left join {{ ref('stg_tryton__own_parties') }} as own on parties.id = own.party
where own.party is null
