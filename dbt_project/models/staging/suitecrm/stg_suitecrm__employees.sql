select
    id as employee_id,
    {{ to_text("concat_ws(' ', first_name, last_name)") }} as employee_name
from {{ source('suitecrm', 'users') }}
