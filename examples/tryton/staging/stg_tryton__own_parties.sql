-- The company itself and its employees are parties too, and no customers.
select party from {{ source('tryton', 'company_company') }}
where _deleted_at is null
union
select party from {{ source('tryton', 'company_employee') }}
where _deleted_at is null
