-- The visitors that Matomo saw in each visit: at log-in the user's hash takes the place of the cookie's
-- number, so that one visit may show both.
{% for table in ['matomo_log_visit', 'matomo_log_link_visit_action', 'matomo_log_conversion'] -%}
select idvisit, {{ to_hex('idvisitor') }} as visitor_id
from {{ source('matomo', table) }}
where _deleted_at is null
{% if not loop.last %}union{% endif %}
{% endfor %}
