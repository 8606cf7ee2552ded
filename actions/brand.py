"""What actions need to know of the brand beyond its facts in ``domain.yml``."""

from typing import Protocol


class Brand(Protocol):
    """The settings' ``BrandSettings`` is one."""

    @property
    def country(self) -> str:
        """ISO 3166; a phone number without a country code is this country's."""
        ...

    @property
    def time_zone(self) -> str: ...
