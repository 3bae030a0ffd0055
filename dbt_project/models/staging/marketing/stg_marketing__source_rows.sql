{{ respondent_source_rows('marketing', 'consents', 'event_id', 'consents', 'marketing:consent:') }}
union all
{{ respondent_source_rows('marketing', 'offers', 'event_id', 'offer_events', 'marketing:offer:') }}
