"""Schedules: when jobs run.

Belongs here: times, in the configured zone. Does not belong here: what runs (jobs.py).
"""

import dagster as dg

from dagster_project.config import Settings
from dagster_project.jobs import daily_refresh_job


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    return [
        dg.ScheduleDefinition(
            name="daily_refresh_schedule",
            job=daily_refresh_job,
            cron_schedule=settings.refresh_cron,
            execution_timezone=settings.time_zone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description=f"The daily refresh ({settings.refresh_cron}, {settings.time_zone}).",
        )
    ]
