{{ respondent_identifiers('ads') }}
