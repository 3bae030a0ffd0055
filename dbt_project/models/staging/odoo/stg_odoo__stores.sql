-- Where a warehouse's goods are picked up: warehouse_id. The store is the warehouse's till, as its receipts
-- name it (the first of several); without a till it is the warehouse.
select
    warehouses.id as warehouse_id,
    coalesce(cast(min(tills.id) as text), 'warehouse:' || warehouses.id) as store_id,
    case when count(tills.id) = 1 then min(tills.name) else warehouses.name end as store_name
from {{ source('odoo', 'stock_warehouse') }} as warehouses
left join {{ source('odoo', 'stock_picking_type') }} as types on warehouses.id = types.warehouse_id
left join {{ source('odoo', 'pos_config') }} as tills
    on types.id = tills.picking_type_id and tills._deleted_at is null
group by warehouses.id, warehouses.name
