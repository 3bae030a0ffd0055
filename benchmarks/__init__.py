"""What the figures in the documents come from: each package measures one thing against its peers.

Belongs here: data made for measuring, contestants, measures, tables. Does not belong here: tests, and anything
that the product imports.
"""
