-- WooCommerce with High-Performance Order Storage, the tables and columns that Seamless 360 reads.
-- *_gmt columns are naive UTC, flags smallint. Addresses, meta and items have no watermark: they change
-- together with their order, whose date_updated_gmt moves.

create table wp_wc_orders (
    id bigint primary key,
    status varchar(20),                  -- wc-pending, wc-processing, wc-on-hold, wc-completed, wc-cancelled, wc-refunded, wc-failed, wc-checkout-draft, trash
    currency varchar(10),
    type varchar(20),                    -- shop_order, shop_order_refund
    tax_amount numeric(26, 8),
    total_amount numeric(26, 8),         -- negative in a refund
    customer_id bigint,                  -- the WordPress user; 0 is a guest
    billing_email varchar(320),
    date_created_gmt timestamp,
    date_updated_gmt timestamp,
    parent_order_id bigint,              -- of a refund: the order; otherwise 0
    payment_method varchar(100),
    payment_method_title text,
    transaction_id varchar(100),
    ip_address varchar(100),
    user_agent text,
    customer_note text                   -- of a refund: its reason
);

create table wp_wc_order_addresses (
    id bigint primary key,
    order_id bigint not null,
    address_type varchar(20),            -- billing, shipping
    first_name text,
    last_name text,
    company text,
    address_1 text,
    address_2 text,
    city text,
    state text,
    postcode text,
    country text,
    email varchar(320),
    phone varchar(100),
    unique (order_id, address_type)
);

create table wp_wc_order_operational_data (
    id bigint primary key,
    order_id bigint not null unique,
    created_via varchar(100),            -- store-api, checkout, admin
    woocommerce_version varchar(20),
    prices_include_tax smallint,
    coupon_usages_are_counted smallint,
    order_key varchar(100),
    cart_hash varchar(100),
    new_order_email_sent smallint,
    order_stock_reduced smallint,
    date_paid_gmt timestamp,
    date_completed_gmt timestamp,
    shipping_tax_amount numeric(26, 8),
    shipping_total_amount numeric(26, 8),
    discount_tax_amount numeric(26, 8),
    discount_total_amount numeric(26, 8)
);

create table wp_wc_orders_meta (
    id bigint primary key,
    order_id bigint not null,
    meta_key varchar(255),               -- _wc_order_attribution_*, _pickup_location (the store's name), _loyalty_card (its code)
    meta_value text
);

create table wp_woocommerce_order_items (
    order_item_id bigint primary key,
    order_item_name text,
    order_item_type varchar(200),        -- line_item, shipping, coupon
    order_id bigint not null
);

create table wp_woocommerce_order_itemmeta (
    meta_id bigint primary key,
    order_item_id bigint not null,
    meta_key varchar(255),               -- line_item: _product_id, _sku, _qty, _line_subtotal (before discount) and _line_total (after), both without tax, _line_tax; shipping: method_id (flat_rate, local_pickup), cost; coupon: discount_amount; refunds: _refunded_item_id
    meta_value text
);

create table wp_wc_customer_lookup (
    customer_id bigint primary key,      -- not the WordPress user
    user_id bigint,                      -- the WordPress user; null for guests
    username varchar(60),
    first_name varchar(255),
    last_name varchar(255),
    email varchar(100),
    date_last_active timestamp,
    date_registered timestamp,
    country varchar(2),
    postcode varchar(20),
    city varchar(100),
    state varchar(100)
);

create index on wp_wc_orders (date_updated_gmt, id);
create index on wp_wc_orders (parent_order_id);
create index on wp_wc_orders_meta (order_id);
create index on wp_woocommerce_order_items (order_id);
create index on wp_woocommerce_order_itemmeta (order_item_id);
create index on wp_wc_customer_lookup (date_last_active, customer_id);
create index on wp_wc_customer_lookup (user_id);
