"""The operations of the tag `completion`; written by `scripts/write_client.py`."""

from __future__ import annotations

from urllib.parse import quote

from paceline.client.connection import Connection, Json
from paceline.domain.completion import CompletionCheck
from paceline.domain.exchange import Completion
from paceline.domain.status import CompletionOptions


class CompletionOperations(Connection):
    """Calls about completion."""

    async def get_completion(self, project: str) -> Completion:
        """How far the run is, derived from its stories, and what is missing."""
        return await self._ask("GET", f"/api/v1/projects/{_quoted(project)}/completion", Completion)

    async def get_completion_summary(self, project: str) -> str:
        """The completion summary as markdown, which the reader of plans reads back to the same counts."""
        return await self._ask("GET", f"/api/v1/projects/{_quoted(project)}/summary", str)

    async def check_completion(
        self, project: str, *, criteria: CompletionOptions | None = None, actor: str | None = None
    ) -> CompletionCheck:
        """Look at the criteria again; changes nothing but an event that says what was found."""
        return await self._ask(
            "POST",
            f"/api/v1/projects/{_quoted(project)}/check-completion",
            CompletionCheck,
            body={"criteria": criteria, "actor": actor},
        )

    async def force_complete(self, project: str, *, actor: str, reason: str, id: str | None = None) -> Json:
        """Complete the run as it is: what has not ended counts as done."""
        return await self._ask(
            "POST",
            f"/api/v1/projects/{_quoted(project)}/force-complete",
            Json,
            body={"actor": actor, "reason": reason, "id": id},
        )


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
