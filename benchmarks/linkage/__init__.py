"""Linkage against plain Splink and GoldenMatch: the same files, one run, as measured.

Belongs here: the data sets, the contestants, the measures. Does not belong here: the linkage itself. Nothing in
the product is tuned to these files.
"""
