"""The operations of the tag `plans`; written by `scripts/write_client.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paceline.client.connection import Connection, Json
from paceline.domain.status import RunMode


class PlansOperations(Connection):
    """Calls about plans."""

    async def validate_plan(
        self, *, plan: str | None = None, files: Mapping[str, Any] | None = None, file: str | None = None
    ) -> Json:
        """Say what is wrong with a plan; nothing is kept or started."""
        return await self._ask(
            "POST", "/api/v1/plans/validate", Json, body={"plan": plan, "files": files, "file": file}
        )

    async def preview_plan(
        self,
        *,
        plan: str | None = None,
        files: Mapping[str, Any] | None = None,
        file: str | None = None,
        max_parallel: int | None = None,
        mode: RunMode | None = None,
        optional_sprints: bool | None = None,
        seed: int | None = None,
        rounds: int | None = None,
    ) -> Json:
        """Say how a plan would run, as `paceline plan preview` does; nothing is kept or started."""
        return await self._ask(
            "POST",
            "/api/v1/plans/preview",
            Json,
            body={
                "plan": plan,
                "files": files,
                "file": file,
                "max_parallel": max_parallel,
                "mode": mode,
                "optional_sprints": optional_sprints,
                "seed": seed,
                "rounds": rounds,
            },
        )
