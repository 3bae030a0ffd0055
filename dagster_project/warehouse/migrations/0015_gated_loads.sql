-- A gate keeps the loads that passed it, not the last of them: a clock that went back gives a new load an older ID.
alter table ops.gated_loads add column loads text[]; -- of the rows that passed; null where the table has no loads
update ops.gated_loads as gated set loads = array(
    select load_id from ops.loads
    where source || '/' || loads.table_name = gated.table_name and load_id <= gated.load_id
)
where layer = 'raw';
alter table ops.gated_loads drop column load_id;
