-- Phones and e-mails in use: party × kind × position. The first ones are the card's.
select
    party,
    case type when 'email' then 'email' else 'phone' end as kind,
    {{ to_text('value') }} as value,
    row_number() over (
        partition by party, type = 'email'
        order by sequence nulls last, id
    ) as position
from {{ source('tryton', 'party_contact_mechanism') }}
where
    type in ('phone', 'mobile', 'email')
    and active
    and {{ to_text('value') }} is not null
    and _deleted_at is null
