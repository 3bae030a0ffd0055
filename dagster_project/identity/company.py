"""What is true of one company: its own phone numbers, and the countries its numbers are from.

Belongs here: settings that standardising and placeholders need. Does not belong here: how they are read from the
environment (config.py) and how a number is read (identifiers.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dagster_project.config import DEFAULT_PHONE_REGION, Settings, source_contracts


@dataclass(frozen=True)
class Company:
    """phones: the company's own numbers as written, never a customer's. region: the ISO country of a number without a
    country code; source_regions: that of sources (source, region) that are from elsewhere."""

    phones: tuple[str, ...] = ()
    region: str = DEFAULT_PHONE_REGION
    source_regions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> "Company":
        """Raises ConfigError for a region that there is not."""
        regions = [(source, settings.source_phone_region(source)) for source in source_contracts()]
        return cls(
            tuple(sorted(settings.company_phone_list)),
            settings.phone_region,
            tuple((source, region) for source, region in regions if region),
        )

    def regions_of(self, source: str, country: str | None = None) -> tuple[str, ...]:
        """Where a phone of a source's record may be from: the record's own region first, if it has one."""
        regions = (country, dict(self.source_regions).get(source), self.region)
        return tuple(dict.fromkeys(region for region in regions if region))

    @property
    def regions(self) -> Sequence[str]:
        """Every region that one of its sources may mean, the company's own first."""
        return tuple(dict.fromkeys((self.region, *(region for _, region in self.source_regions))))


UNNAMED = Company()
