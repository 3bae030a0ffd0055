"""Odoo 16 and later (PostgreSQL): partners, sale orders, tills, pick-ups, loyalty, products.

Every table moves its write_date (naive UTC). `active = false` is archived, but deletes and partner
merges are hard: key sets are compared. A merge re-points rows of other tables without moving their
write_date: `partners` names the columns.

Tables of modules (stock, delivery, point_of_sale, loyalty, account) may be absent; columns that only a module or a
release has are optional. A type after a colon is what the column holds where it is absent; text without one.
"""

from dagster_project.sources.declaration import Source, Table, typed_columns


def _table(
    name: str,
    needs: str,
    optional: str = "",
    partners: str = "",
    amount: str | None = None,
    is_narrow: bool = False,
    is_module: bool = False,
) -> Table:
    needed, types = typed_columns(f"id:integer {needs} create_date:time write_date:time")
    also, more_types = typed_columns(optional)
    refers, refer_types = typed_columns(" ".join(f"{column}:integer" for column in partners.split()))
    return Table(
        name,
        key=("id",),
        watermark="write_date",
        needs=needed,
        optional=also,
        refers=dict.fromkeys(refers, "res_partner"),
        amount=amount,
        deletes="compared",
        is_narrow=is_narrow,
        is_optional=is_module,
        types=types | more_types | refer_types,
    )


SOURCE = Source(
    name="odoo",
    kind="ERP",
    description="Odoo: partners, orders, tills, pick-ups, loyalty and products",
    tables=(
        _table(
            "res_partner",
            "name is_company type email phone vat ref street street2 zip city country_id lang active",
            # Later releases have no mobile; birthdate_date comes with partner_contact_birthdate.
            optional="mobile birthdate_date:date",
            partners="parent_id",
        ),
        # Its other columns are passwords and keys.
        _table("res_users", "login active share:boolean", partners="partner_id", is_narrow=True),
        _table("res_company", "name currency_id:integer", partners="partner_id", is_module=True),
        _table("res_currency", "name", is_module=True),
        _table("res_country", "code", is_module=True),
        _table("product_template", "name list_price active"),
        # standard_price is by company; until Odoo 17 a row of ir_property, whose others are nobody's business here.
        _table("product_product", "product_tmpl_id default_code barcode active", "standard_price:json"),
        _table(
            "ir_property", "name res_id company_id:integer value_float:float", is_narrow=True, is_module=True
        ),
        _table(
            "sale_order",
            "name date_order state amount_untaxed amount_tax amount_total currency_id company_id "
            "client_order_ref origin user_id team_id campaign_id medium_id source_id",
            optional="currency_rate:number warehouse_id:integer carrier_id:integer website_id:integer",
            partners="partner_id partner_invoice_id partner_shipping_id",
            amount="amount_total",
        ),
        _table(
            "sale_order_line",
            "order_id product_id name product_uom_qty price_unit discount price_subtotal price_tax price_total "
            "display_type",
            optional="is_downpayment:boolean is_delivery:boolean purchase_price:number",
            amount="price_total",
        ),
        _table(
            "stock_picking",
            "name origin state scheduled_date:time date_done:time picking_type_id:integer",
            # sale_id comes with sale_stock, pos_order_id with point_of_sale.
            optional="sale_id:integer pos_order_id:integer",
            partners="partner_id",
            is_module=True,
        ),
        _table("stock_picking_type", "code warehouse_id:integer", is_module=True),
        _table("stock_warehouse", "name", is_module=True),
        # Until Odoo 17 a pick-up's carrier has the warehouse, from 18 on the order.
        _table("delivery_carrier", "delivery_type", optional="warehouse_id:integer", is_module=True),
        _table("account_journal", "currency_id:integer", is_narrow=True, is_module=True),
        _table(
            "pos_config",
            "name active:boolean",
            optional="picking_type_id:integer journal_id:integer",
            is_module=True,
        ),
        _table(
            "pos_session",
            "name config_id:integer user_id:integer start_at:time stop_at:time state",
            is_module=True,
        ),
        _table(
            "pos_order",
            "name pos_reference session_id:integer user_id:integer company_id:integer date_order:time "
            "amount_tax:number amount_total amount_paid:number state",
            optional="config_id:integer currency_rate:number uuid email mobile is_refund:boolean "
            "refunded_order_id:integer to_ship:boolean shipping_date:date",
            partners="partner_id",
            amount="amount_total",
            is_module=True,
        ),
        _table(
            "pos_order_line",
            "order_id:integer product_id:integer full_product_name qty:number price_unit:number discount:number "
            "price_subtotal:number price_subtotal_incl",
            # The last two come with pos_sale.
            optional="refunded_orderline_id:integer total_cost:number is_total_cost_computed:boolean "
            "sale_order_origin_id:integer sale_order_line_id:integer",
            amount="price_subtotal_incl",
            is_module=True,
        ),
        _table("pos_payment_method", "name", is_module=True),
        _table(
            "pos_payment",
            "pos_order_id:integer payment_method_id:integer payment_date:time",
            optional="is_change:boolean",
            amount="amount",
            is_module=True,
        ),
        _table("loyalty_program", "name program_type active:boolean", is_module=True),
        _table(
            "loyalty_card",
            "program_id:integer points:float code",
            optional="active:boolean",
            partners="partner_id",
            is_module=True,
        ),
        # From Odoo 18 on.
        _table(
            "loyalty_history",
            "card_id:integer issued:float used:float",
            optional="order_model order_id:integer description",
            is_module=True,
        ),
    ),
)
