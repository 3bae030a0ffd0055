{{ respondent_identifiers('marketing') }}
