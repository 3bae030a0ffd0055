{{ respondent_source_rows('surveys', 'nps', 'id', 'survey_responses', 'surveys:nps:') }}
