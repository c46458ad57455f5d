"""The operations of the tag `artifacts`; written by `scripts/write_client.py`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from urllib.parse import quote

from paceline.client.connection import Connection, Page
from paceline.domain.exchange import ArtifactsDeleted, ArtifactSummary
from paceline.domain.status import Artifact


class ArtifactsOperations(Connection):
    """Calls about artifacts."""

    async def generate_artifacts(self, project_id: str) -> Artifact:
        """Build the bundle of a run as it stands now; nothing new is built where nothing changed."""
        return await self._ask("POST", f"/api/v1/artifacts/{_quoted(project_id)}/generate", Artifact)

    async def get_artifact_summary(self, project_id: str) -> ArtifactSummary:
        """Artifacts by kind, their size, and where the bundle is."""
        return await self._ask("GET", f"/api/v1/artifacts/{_quoted(project_id)}/summary", ArtifactSummary)

    def download_artifacts(self, project_id: str) -> AsyncGenerator[bytes]:
        """The newest bundle as a ZIP; without asking for it again where `If-None-Match` has its ETag."""
        return self._bytes(f"/api/v1/artifacts/{_quoted(project_id)}/download")

    async def list_artifacts(
        self,
        project_id: str,
        *,
        after: str | None = None,
        story: str | None = None,
        kind: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Artifact]:
        """The artifacts of a run in the order of their paths."""
        return await self._ask(
            "GET",
            f"/api/v1/artifacts/{_quoted(project_id)}",
            list[Artifact],
            query={"after": after, "story": story, "kind": kind, "limit": limit, "cursor": cursor},
        )

    def download_artifact(self, project_id: str, artifact: str) -> AsyncGenerator[bytes]:
        """One artifact by its id, as it is on disk."""
        return self._bytes(f"/api/v1/artifacts/{_quoted(project_id)}/files/{_quoted(artifact)}")

    async def delete_artifacts(self, project_id: str) -> ArtifactsDeleted:
        """Remove every artifact of an ended run from the index and from disk."""
        return await self._ask(
            "DELETE", f"/api/v1/artifacts/{_quoted(project_id)}/artifacts", ArtifactsDeleted
        )

    async def clean_up_old_artifacts(
        self, *, days: float | None = None, dry_run: bool | None = None
    ) -> Page[ArtifactsDeleted]:
        """Remove the artifacts of all runs that ended long ago; one that still runs keeps its own."""
        return await self._ask(
            "POST",
            "/api/v1/artifacts/cleanup-old",
            list[ArtifactsDeleted],
            body={"days": days, "dry_run": dry_run},
        )


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
