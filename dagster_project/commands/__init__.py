"""Groups of commands, a module each.

Belongs here: arguments and what a person reads. Does not belong here: the work itself.
"""
