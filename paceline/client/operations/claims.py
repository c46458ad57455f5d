"""The operations of the tag `claims`; written by `scripts/write_client.py`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from paceline.client.connection import Connection, Page
from paceline.domain.claims import DecisionRecord, LiveClaim
from paceline.domain.exchange import ClaimAnswer


class ClaimsOperations(Connection):
    """Calls about claims."""

    async def list_claims(self, project: str) -> Page[LiveClaim]:
        """Who holds and waits for what, in the order of asking."""
        return await self._ask("GET", f"/api/v1/projects/{_quoted(project)}/claims", list[LiveClaim])

    async def list_claim_decisions(
        self,
        project: str,
        *,
        after: int | None = None,
        story: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[DecisionRecord]:
        """What was decided about claims after a number, oldest first."""
        return await self._ask(
            "GET",
            f"/api/v1/projects/{_quoted(project)}/claims/decisions",
            list[DecisionRecord],
            query={"after": after, "story": story, "limit": limit, "cursor": cursor},
        )

    async def grow_claim(
        self, project: str, story: str, *, paths: Sequence[str], attempt: int, fence: int
    ) -> ClaimAnswer:
        """Ask for files beside a story's claim, as its agent does while it works; answered at once."""
        return await self._ask(
            "POST",
            f"/api/v1/projects/{_quoted(project)}/stories/{_quoted(story)}/claim",
            ClaimAnswer,
            body={"paths": paths, "attempt": attempt, "fence": fence},
        )


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
