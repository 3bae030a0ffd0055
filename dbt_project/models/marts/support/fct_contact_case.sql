{{ config(indexes=[{'columns': ['customer_id']}]) }}

with cases as (
    select
        cases.*,
        cards.customer_id,
        case
            when cards.customer_id is not null then null
            when cases.source_record_id is null then cases.no_record_reason
            else coalesce(cards.no_customer_reason, 'card_unknown')
        end as no_customer_reason
    from {{ ref('cases') }} as cases
    left join {{ ref('bridge_customer_record') }} as cards
        on cases.source_system = cards.source_system and cases.source_record_id = cards.source_record_id
    where cases.deleted_at is null
),

-- Contacts in any channel that the customer began. What a call is about is not known; what another case is
-- about is: a case of another topic is no repeat.
contacts as (
    select
        customer_id,
        occurred_at,
        case_id,
        case when kind = 'case_opened' then subject end as topic
    from {{ ref('fct_interaction') }}
    where direction = 'in' and kind in ('call', 'message', 'case_opened') and customer_id is not null
),

next_contacts as (
    select cases.case_id, min(contacts.occurred_at) as next_contact_at
    from cases
    inner join contacts
        on
            cases.customer_id = contacts.customer_id
            and cases.closed_at < contacts.occurred_at
            and (cases.topic = contacts.topic or cases.topic is null or contacts.topic is null)
    group by cases.case_id
),

earlier_cases as (
    select distinct cases.case_id
    from cases
    inner join cases as earlier
        on
            cases.customer_id = earlier.customer_id
            and cases.case_id <> earlier.case_id
            and cases.opened_at > earlier.closed_at
            and cases.opened_at <= {{ add_days('earlier.closed_at', var('fcr_days')) }}
            and (cases.topic = earlier.topic or cases.topic is null or earlier.topic is null)
),

as_of as (
    select max(data_as_of) as data_as_of from {{ ref('data_freshness') }}
)

select
    cases.case_id,
    cases.customer_id,
    cases.no_customer_reason,
    cases.source_system,
    cases.source_record_id,
    cases.case_number,
    cases.opened_at,
    {{ local_date('cases.opened_at') }} as opened_date,
    cases.first_response_at,
    {{ seconds_between('cases.opened_at', 'cases.first_response_at') }} as first_response_s,
    cases.closed_at,
    {{ seconds_between('cases.opened_at', 'cases.closed_at') }} as open_s,
    cases.status,
    cases.source_status,
    cases.priority,
    cases.topic,
    cases.channel,
    cases.employee_id,
    cases.employee_name,
    cases.resolution,
    earlier_cases.case_id is not null as is_repeat,
    next_contacts.next_contact_at,
    {% for days in [1, 3, 7, 30] -%}
    -- Null while the case is open, its window has not passed, or its customer is not known.
    case
        when cases.closed_at is null or cases.customer_id is null then null
        when next_contacts.next_contact_at <= {{ add_days('cases.closed_at', days) }} then false
        when as_of.data_as_of >= {{ add_days('cases.closed_at', days) }} then true
    end as fcr_{{ days }}d{% if not loop.last %},{% endif %}
    {% endfor %}
from cases
cross join as_of
left join next_contacts on cases.case_id = next_contacts.case_id
left join earlier_cases on cases.case_id = earlier_cases.case_id
