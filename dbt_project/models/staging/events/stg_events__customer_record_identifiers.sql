{{ respondent_identifiers('events') }}
