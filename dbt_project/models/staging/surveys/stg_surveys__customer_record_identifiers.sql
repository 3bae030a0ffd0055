{{ respondent_identifiers('surveys') }}
