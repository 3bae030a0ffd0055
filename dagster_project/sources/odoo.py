"""Odoo (PostgreSQL): partners, sale orders, tills, pick-ups, loyalty, products.

Every table moves its write_date (naive UTC). `active = false` is archived, but deletes and partner
merges are hard: key sets are compared. A merge re-points rows of other tables without moving their
write_date: `partners` names the columns. `mobile` and the normalised columns depend on release and modules.
"""

from dagster_project.sources.declaration import Source, Table, columns


def _table(
    name: str,
    needs: str,
    optional: str = "",
    partners: str = "",
    amount: str | None = None,
    is_narrow: bool = False,
) -> Table:
    return Table(
        name,
        key=("id",),
        watermark="write_date",
        needs=columns(f"{needs} create_date"),
        optional=columns(optional),
        refers=dict.fromkeys(columns(partners), "res_partner"),
        amount=amount,
        deletes="compared",
        is_narrow=is_narrow,
    )


SOURCE = Source(
    name="odoo",
    kind="ERP",
    description="Odoo: partners, orders, tills, pick-ups, loyalty and products",
    tables=(
        _table(
            "res_partner",
            "name parent_id is_company type email phone vat ref street street2 zip city country_id active",
            optional="mobile email_normalized phone_sanitized",
            partners="parent_id",
        ),
        # Its other columns are passwords and keys.
        _table("res_users", "login active", partners="partner_id", is_narrow=True),
        _table("product_template", "name categ_id list_price active"),
        _table("product_product", "product_tmpl_id default_code barcode standard_price active"),
        _table(
            "sale_order",
            "name date_order state amount_untaxed amount_tax amount_total "
            "currency_id client_order_ref origin user_id team_id campaign_id medium_id source_id",
            partners="partner_id partner_invoice_id partner_shipping_id",
            amount="amount_total",
        ),
        _table(
            "sale_order_line",
            "order_id product_id name product_uom_qty price_unit discount price_subtotal price_tax price_total",
            amount="price_total",
        ),
        _table(
            "stock_picking",
            "name sale_id origin state scheduled_date date_done picking_type_code",
            optional="location_name pos_config_id",
            partners="partner_id",
        ),
        _table("pos_config", "name active"),
        _table("pos_session", "name config_id user_id start_at stop_at state"),
        _table(
            "pos_order",
            "name pos_reference session_id config_id user_id date_order amount_tax amount_total "
            "amount_paid state",
            optional="uuid email mobile is_refund refunded_order_id origin",
            partners="partner_id",
            amount="amount_total",
        ),
        _table(
            "pos_order_line",
            "order_id product_id full_product_name qty price_unit discount price_subtotal price_subtotal_incl",
            optional="refunded_orderline_id",
            amount="price_subtotal_incl",
        ),
        _table("pos_payment_method", "name"),
        _table("pos_payment", "pos_order_id payment_method_id payment_date", amount="amount"),
        _table("loyalty_program", "name program_type active"),
        _table("loyalty_card", "program_id points code active", partners="partner_id"),
        _table("loyalty_history", "card_id issued used", optional="order_model order_id description"),
    ),
)
