{#- WooCommerce's order statuses: which are orders at all, and their names. -#}

{#- A status without the prefix that WooCommerce and its plug-ins give it, or not: wc-checkout-draft, checkout-draft. -#}
{% macro bare_status(column) -%}
    replace(replace('^' || {{ column }}, '^wc-', ''), '^', '')
{%- endmacro %}

{#- Whether an order was begun by an employee and never saved: neither an order nor a cart. -#}
{% macro is_unsaved_order(column) -%}
    coalesce({{ bare_status(column) }} in ('auto-draft', 'draft', 'new'), false)
{%- endmacro %}
