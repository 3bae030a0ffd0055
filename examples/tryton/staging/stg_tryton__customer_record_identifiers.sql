select distinct
    cards.source_system,
    cards.source_record_id,
    contacts.kind,
    contacts.value
from {{ ref('stg_tryton__contact_values') }} as contacts
inner join {{ ref('stg_tryton__customer_records') }} as cards
    on 'party:' || contacts.party = cards.source_record_id
