{{ respondent_records('events', {'stg_events__events': 'occurred_at'}) }}
