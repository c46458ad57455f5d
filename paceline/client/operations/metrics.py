"""The operations of the tag `metrics`; written by `scripts/write_client.py`."""

from __future__ import annotations

from urllib.parse import quote

from paceline.client.connection import Connection
from paceline.domain.measurements import AimState, MetricsReport


class MetricsOperations(Connection):
    """Calls about metrics."""

    async def get_metrics(self, project: str) -> MetricsReport:
        """Every metric and success criterion with its target, its newest actual value, and the verdict."""
        return await self._ask("GET", f"/api/v1/projects/{_quoted(project)}/metrics", MetricsReport)

    async def measure_metric(
        self,
        project: str,
        *,
        name: str,
        value: str,
        reason: str | None = None,
        actor: str | None = None,
        id: str | None = None,
    ) -> AimState:
        """Say what a metric or success criterion came to; the newest counts, and all are kept."""
        return await self._ask(
            "POST",
            f"/api/v1/projects/{_quoted(project)}/metrics",
            AimState,
            body={"name": name, "value": value, "reason": reason, "actor": actor, "id": id},
        )


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
