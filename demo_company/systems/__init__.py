"""One module a source system: from people and their history to the system's own tables.

Belongs here: table layouts and identifiers. Does not belong here: events that no system would know of
(behaviour.py).
"""
