"""What Dagster loads: the assembly and nothing else."""

from dagster_project.build import build_defs

defs = build_defs()
