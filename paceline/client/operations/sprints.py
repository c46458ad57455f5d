"""The operations of the tag `sprints`; written by `scripts/write_client.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paceline.client.connection import Connection
from paceline.domain.exchange import StartReply
from paceline.domain.status import RunOptions


class SprintsOperations(Connection):
    """Calls about sprints."""

    async def start_sprint(
        self,
        *,
        plan: str | None = None,
        files: Mapping[str, Any] | None = None,
        file: str | None = None,
        repository: str | None = None,
        project: str | None = None,
        options: RunOptions | None = None,
        rerun: bool | None = None,
    ) -> StartReply:
        """Start a run of a plan, as JSON or as a file upload; the same plan again attaches to its run."""
        return await self._ask(
            "POST",
            "/api/v1/sprints",
            StartReply,
            body={
                "plan": plan,
                "files": files,
                "file": file,
                "repository": repository,
                "project": project,
                "options": options,
                "rerun": rerun,
            },
        )
