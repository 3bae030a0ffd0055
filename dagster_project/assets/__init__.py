"""Dagster assets, one module a layer, in the order of the flow: raw, dbt (staging, intermediate, marts),
identity, published.

Belongs here: keys, dependencies, metadata, retries. Does not belong here: the work, which is in
sources/, identity/, quality/ and warehouse/.
"""

OWNERS = ["team:data-engineering"]
