{{ respondent_source_rows('events', 'events', 'event_id', 'interactions', 'events:event:') }}
