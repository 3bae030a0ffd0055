{{ respondent_records('ads', {'stg_ads__touches': 'clicked_at'}) }}
