{{ respondent_records('marketing', {
    'stg_marketing__consent_events': 'occurred_at',
    'stg_marketing__offers': 'occurred_at',
}) }}
