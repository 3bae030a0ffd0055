"""WooCommerce with HPOS (MySQL, MariaDB): orders, refunds, carts, addresses, items, customers.

*_gmt columns are naive UTC. Addresses, meta and items have no watermark: they change with their order.
Orders and items can be deleted for good, so their key sets are compared.
"""

from dagster_project.sources.declaration import Deletes, Follows, Source, Table, columns


def _of_order(name: str, key: str, needs: str, deletes: Deletes = "soft") -> Table:
    follows = Follows("wp_wc_orders", "order_id", "id")
    return Table(name, key=(key,), needs=columns(needs), follows=follows, deletes=deletes)


SOURCE = Source(
    name="woocommerce",
    kind="shop",
    description="WooCommerce: web orders, refunds, carts and registered customers",
    tables=(
        Table(
            "wp_wc_orders",
            key=("id",),
            watermark="date_updated_gmt",
            needs=columns(
                "status currency type tax_amount total_amount customer_id billing_email date_created_gmt "
                "parent_order_id payment_method customer_note"
            ),
            amount="total_amount",
            deletes="compared",
        ),
        _of_order(
            "wp_wc_order_addresses",
            "id",
            "address_type first_name last_name company address_1 address_2 city state postcode country email phone",
            deletes="compared",
        ),
        _of_order(
            "wp_wc_order_operational_data",
            "id",
            "created_via date_paid_gmt date_completed_gmt shipping_total_amount discount_total_amount cart_hash",
            deletes="compared",
        ),
        _of_order("wp_wc_orders_meta", "id", "meta_key meta_value", deletes="compared"),
        _of_order(
            "wp_woocommerce_order_items",
            "order_item_id",
            "order_item_name order_item_type",
            deletes="compared",
        ),
        Table(
            "wp_woocommerce_order_itemmeta",
            key=("meta_id",),
            needs=columns("meta_key meta_value"),
            follows=Follows("wp_woocommerce_order_items", "order_item_id", "order_item_id"),
            deletes="compared",
        ),
        Table(
            "wp_wc_customer_lookup",
            key=("customer_id",),
            # Moves with every order and log-in; rows that never had one are read each time.
            watermark="date_last_active",
            needs=columns(
                "user_id username first_name last_name email date_registered country postcode city"
            ),
            deletes="compared",
        ),
    ),
)
