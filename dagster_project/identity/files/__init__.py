"""Any file of customer records to customers: read, prepare, compare, fit, group.

Belongs here: linking without a warehouse and without configuration. Does not belong here: the daily step
(../pipeline.py).
"""
