"""Extraction against the bare tools: the same table of orders, from PostgreSQL and MariaDB into the warehouse.

Belongs here: the table, the contestants, the measures. Does not belong here: extraction itself.
"""
