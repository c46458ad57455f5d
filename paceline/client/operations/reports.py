"""The operations of the tag `reports`; written by `scripts/write_client.py`."""

from __future__ import annotations

from urllib.parse import quote

from paceline.client.connection import Connection, Page
from paceline.domain.reports import Report, ReportKind
from paceline.domain.retro_entries import EntryKind, RetroEntry


class ReportsOperations(Connection):
    """Calls about reports."""

    async def list_reports(
        self,
        project: str,
        *,
        kind: ReportKind | None = None,
        sprint: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Report]:
        """The reports of a run, newest first."""
        return await self._ask(
            "GET",
            f"/api/v1/projects/{_quoted(project)}/reports",
            list[Report],
            query={"kind": kind, "sprint": sprint, "limit": limit, "cursor": cursor},
        )

    async def get_report(self, project: str, kind: str, sprint: str, number: int) -> Report:
        """One report, as JSON or as markdown."""
        return await self._ask(
            "GET",
            f"/api/v1/projects/{_quoted(project)}/reports/{_quoted(kind)}/{_quoted(sprint)}/{_quoted(number)}",
            Report,
        )

    async def get_standup(self, project: str) -> Report:
        """The standup of this moment, from where the last stored one ended; it is not stored."""
        return await self._ask("GET", f"/api/v1/projects/{_quoted(project)}/standup", Report)

    async def list_retrospective_entries(
        self, project: str, *, sprint: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Page[RetroEntry]:
        """What people added to the reviews and retrospectives of a run, oldest first."""
        return await self._ask(
            "GET",
            f"/api/v1/projects/{_quoted(project)}/retrospective",
            list[RetroEntry],
            query={"sprint": sprint, "limit": limit, "cursor": cursor},
        )

    async def add_retrospective_entry(
        self,
        project: str,
        *,
        text: str,
        kind: EntryKind | None = None,
        topic: str | None = None,
        sprint: str | None = None,
        actor: str | None = None,
        key: str | None = None,
    ) -> RetroEntry:
        """Add to a retrospective or a review; an improvement is in the plan of the sprint after it."""
        return await self._ask(
            "POST",
            f"/api/v1/projects/{_quoted(project)}/retrospective",
            RetroEntry,
            body={"text": text, "kind": kind, "topic": topic, "sprint": sprint, "actor": actor, "key": key},
        )


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
