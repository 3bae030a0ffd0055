{{ respondent_records('surveys', {'stg_surveys__nps': 'coalesce(answered_at, sent_at)'}) }}
