"""The operations of the tag `health`; written by `scripts/write_client.py`."""

from __future__ import annotations

from paceline.client.connection import Connection
from paceline.domain.exchange import Health, Readiness


class HealthOperations(Connection):
    """Calls about health."""

    async def get_health(self) -> Health:
        """The process answers; nothing else is asked."""
        return await self._ask("GET", "/health", Health)

    async def get_readiness(self) -> Readiness:
        """The database answers, its schema is the newest, and Temporal answers; otherwise 503 and why."""
        return await self._ask("GET", "/ready", Readiness)

    async def get_metrics_of_the_service(self) -> str:
        """What this process counts, what the database knows, and whether anybody works; for Prometheus."""
        return await self._ask("GET", "/metrics", str)
