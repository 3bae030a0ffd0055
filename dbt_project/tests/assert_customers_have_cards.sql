-- Each living customer has a profile and an operator's card, and nobody else has.
select coalesce(links.customer_id, customers.customer_id, cards.customer_id) as customer_id
from (
    select distinct customer_id from {{ ref('bridge_customer_record') }}
    where customer_id is not null
) as links
full join {{ ref('dim_customer') }} as customers on links.customer_id = customers.customer_id
full join {{ ref('customer_card') }} as cards on customers.customer_id = cards.customer_id
where links.customer_id is null or customers.customer_id is null or cards.customer_id is null
