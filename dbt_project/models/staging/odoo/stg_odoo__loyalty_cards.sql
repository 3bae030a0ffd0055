-- Loyalty cards: coupons, gift cards, wallets and promotions are rows of the same table and name nobody.
select
    cards.id,
    cards.partner_id,
    {{ to_text('cards.code') }} as code,
    coalesce({{ to_boolean('cards.active') }}, true) as is_active,
    cards._deleted_at as deleted_at
from {{ source('odoo', 'loyalty_card') }} as cards
inner join {{ source('odoo', 'loyalty_program') }} as programs on cards.program_id = programs.id
where programs.program_type = 'loyalty'
