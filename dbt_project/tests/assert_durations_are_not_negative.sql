-- A negative duration means that times of two zones were mixed.
select 'fct_interaction' as fact, interaction_id as id from {{ ref('fct_interaction') }}
where duration_s < 0 or wait_s < 0 or ended_at < occurred_at
union all
select 'fct_contact_case' as fact, case_id as id from {{ ref('fct_contact_case') }}
where first_response_s < 0 or open_s < 0
union all
select 'fct_journey' as fact, journey_id as id from {{ ref('fct_journey') }}
where duration_s < 0
