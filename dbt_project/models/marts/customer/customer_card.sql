-- Grain: one customer. What an operator sees when the customer calls, in one document.
with identifiers as (
    select
        customer_id,
        {{ json_array_agg(json_object({'kind': 'kind', 'value': 'value'}), 'kind, value') }} as identifiers
    from (
        select distinct customer_id, kind, value from {{ ref('bridge_customer_identifier') }}
        where customer_count <= {{ var('placeholder_customers') }}
    ) as own_values
    group by customer_id
),

recent_contacts as (
    select
        *,
        row_number() over (partition by customer_id order by occurred_at desc, interaction_id) as position
    from {{ ref('fct_interaction') }}
    where customer_id is not null and kind <> 'note'
),

contacts as (
    select
        customer_id,
        {{ json_array_agg(json_object({
            'at': 'occurred_at', 'channel': 'channel', 'kind': 'kind', 'direction': 'direction',
            'status': 'status', 'employee': 'coalesce(employee_name, employee_id)', 'subject': 'subject',
            'order_id': 'order_id', 'case_id': 'case_id',
        }), 'position') }} as contacts
    from recent_contacts
    where position <= 10
    group by customer_id
),

recent_notes as (
    select
        *,
        row_number() over (partition by customer_id order by occurred_at desc, interaction_id) as position
    from {{ ref('fct_interaction') }}
    where customer_id is not null and kind = 'note'
),

notes as (
    select
        customer_id,
        {{ json_array_agg(json_object({
            'at': 'occurred_at', 'employee': 'employee_name', 'subject': 'subject', 'note': 'note',
        }), 'position') }} as notes
    from recent_notes
    where position <= 5
    group by customer_id
),

cases as (
    select
        customer_id,
        {{ json_array_agg(json_object({
            'case_id': 'case_id', 'number': 'case_number', 'opened_at': 'opened_at', 'status': 'status',
            'priority': 'priority', 'topic': 'topic', 'employee': 'employee_name',
        }), 'opened_at desc, case_id') }} as open_cases
    from {{ ref('fct_contact_case') }}
    where customer_id is not null and closed_at is null
    group by customer_id
),

recent_orders as (
    select
        *,
        row_number() over (partition by customer_id order by ordered_at desc, order_id) as position
    from {{ ref('fct_order') }}
    where customer_id is not null
),

orders as (
    select
        customer_id,
        {{ json_array_agg(json_object({
            'order_id': 'order_id', 'number': 'order_number', 'at': 'ordered_at', 'status': 'status',
            'channel': 'order_channel', 'fulfilment': 'fulfilment_channel', 'store': 'store_name',
            'ready_at': 'ready_at', 'picked_up_at': 'picked_up_at', 'amount': 'amount_total',
            'returned': 'amount_returned', 'currency': 'currency',
        }), 'position') }} as last_orders
    from recent_orders
    where position <= 10
    group by customer_id
),

loyalty as (
    select
        customer_id,
        sum(loyalty_points_issued) as points_issued,
        sum(loyalty_points_used) as points_used
    from {{ ref('fct_order') }}
    where customer_id is not null and is_sale
    group by customer_id
),

last_journeys as (
    select
        *,
        row_number() over (partition by customer_id order by started_at desc, journey_id) as position
    from {{ ref('fct_journey') }}
),

as_of as (
    select max(data_as_of) as data_as_of from {{ ref('data_freshness') }}
)

select
    customers.customer_id,
    {{ json_object({
        'customer_id': 'customers.customer_id',
        'name': 'customers.full_name',
        'is_company': 'customers.is_company',
        'birth_date': 'customers.birth_date',
        'phone': 'customers.phone',
        'email': 'customers.email',
        'city': 'customers.city',
        'lifecycle_stage': 'customers.lifecycle_stage',
        'first_seen_at': 'customers.first_seen_at',
        'first_channel': 'customers.first_channel',
        'last_seen_at': 'customers.last_seen_at',
        'source_systems': 'customers.source_systems',
        'identity_confidence': 'customers.identity_confidence',
        'identifiers': "coalesce(identifiers.identifiers, '[]')",
        'contacts': "coalesce(contacts.contacts, '[]')",
        'notes': "coalesce(notes.notes, '[]')",
        'open_cases': "coalesce(cases.open_cases, '[]')",
        'orders': json_object({
            'count': 'customers.order_count', 'revenue': 'customers.revenue',
            'returned': 'customers.amount_returned', 'last_order_at': 'customers.last_order_at',
            'last': "coalesce(orders.last_orders, '[]')",
        }),
        'loyalty': json_object({
            'card': 'customers.loyalty_card', 'points_issued': 'loyalty.points_issued',
            'points_used': 'loyalty.points_used',
        }),
        'journey': json_object({
            'outcome': 'last_journeys.outcome', 'started_at': 'last_journeys.started_at',
            'channels': 'last_journeys.channel_path', 'steps': 'last_journeys.step_count',
            'question_channel': 'last_journeys.question_channel',
        }),
    }) }} as card,
    as_of.data_as_of
from {{ ref('dim_customer') }} as customers
cross join as_of
left join identifiers on customers.customer_id = identifiers.customer_id
left join contacts on customers.customer_id = contacts.customer_id
left join notes on customers.customer_id = notes.customer_id
left join cases on customers.customer_id = cases.customer_id
left join orders on customers.customer_id = orders.customer_id
left join loyalty on customers.customer_id = loyalty.customer_id
left join last_journeys on customers.customer_id = last_journeys.customer_id and last_journeys.position = 1
