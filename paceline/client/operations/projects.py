"""The operations of the tag `projects`; written by `scripts/write_client.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from paceline.client.connection import Connection, Page
from paceline.domain.attempts import Attempt
from paceline.domain.events import Event, EventType
from paceline.domain.exchange import AmendmentReply, CancelReply
from paceline.domain.part_status import EpicStatus, SprintStatus
from paceline.domain.plan import Plan
from paceline.domain.proof import Proof
from paceline.domain.states import RunState, StoryState
from paceline.domain.status import ListedRun, ProjectStatus, StoryStatus


class ProjectsOperations(Connection):
    """Calls about projects."""

    async def get_plan(self, project: str) -> Plan:
        """The normal form of the plan that a run follows now, with what people changed."""
        return await self._ask("GET", f"/api/v1/projects/{_quoted(project)}/plan", Plan)

    async def list_sprints(
        self, project: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Page[SprintStatus]:
        """The sprints of a run with their counts and states, in the plan's order."""
        return await self._ask(
            "GET",
            f"/api/v1/projects/{_quoted(project)}/sprints",
            list[SprintStatus],
            query={"limit": limit, "cursor": cursor},
        )

    async def get_sprint(self, project: str, sprint: str) -> SprintStatus:
        """One sprint."""
        return await self._ask(
            "GET", f"/api/v1/projects/{_quoted(project)}/sprints/{_quoted(sprint)}", SprintStatus
        )

    async def list_epics(
        self, project: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Page[EpicStatus]:
        """The epics of a run with their counts and states, in the plan's order."""
        return await self._ask(
            "GET",
            f"/api/v1/projects/{_quoted(project)}/epics",
            list[EpicStatus],
            query={"limit": limit, "cursor": cursor},
        )

    async def get_epic(self, project: str, epic: str) -> EpicStatus:
        """One epic."""
        return await self._ask(
            "GET", f"/api/v1/projects/{_quoted(project)}/epics/{_quoted(epic)}", EpicStatus
        )

    async def list_attempts(
        self, project: str, story: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Page[Attempt]:
        """The attempts of a story, oldest first: when, who, what came of each, and what it took."""
        return await self._ask(
            "GET",
            f"/api/v1/projects/{_quoted(project)}/stories/{_quoted(story)}/attempts",
            list[Attempt],
            query={"limit": limit, "cursor": cursor},
        )

    async def get_attempt(self, project: str, story: str, attempt: int) -> Attempt:
        """One attempt of a story."""
        return await self._ask(
            "GET",
            f"/api/v1/projects/{_quoted(project)}/stories/{_quoted(story)}/attempts/{_quoted(attempt)}",
            Attempt,
        )

    async def list_projects(
        self,
        *,
        state: RunState | None = None,
        title: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[ListedRun]:
        """Runs, newest first."""
        return await self._ask(
            "GET",
            "/api/v1/projects",
            list[ListedRun],
            query={"state": state, "title": title, "limit": limit, "cursor": cursor},
        )

    async def get_project(self, project: str, *, stories: bool | None = None) -> ProjectStatus:
        """A run with its stories, agents and the number of open questions."""
        return await self._ask(
            "GET", f"/api/v1/projects/{_quoted(project)}", ProjectStatus, query={"stories": stories}
        )

    async def list_stories(
        self,
        project: str,
        *,
        state: Sequence[StoryState] | None = None,
        epic: str | None = None,
        sprint: str | None = None,
        agent: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[StoryStatus]:
        """The stories of a run in the order of the plan."""
        return await self._ask(
            "GET",
            f"/api/v1/projects/{_quoted(project)}/stories",
            list[StoryStatus],
            query={
                "state": state,
                "epic": epic,
                "sprint": sprint,
                "agent": agent,
                "limit": limit,
                "cursor": cursor,
            },
        )

    async def get_story(self, project: str, story: str) -> StoryStatus:
        """One story, and why it waits."""
        return await self._ask(
            "GET", f"/api/v1/projects/{_quoted(project)}/stories/{_quoted(story)}", StoryStatus
        )

    async def list_proofs(
        self, project: str, *, story: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Page[Proof]:
        """Who or what answered for each criterion and check, on which commit."""
        return await self._ask(
            "GET",
            f"/api/v1/projects/{_quoted(project)}/proofs",
            list[Proof],
            query={"story": story, "limit": limit, "cursor": cursor},
        )

    async def list_events(
        self,
        project: str,
        *,
        after: int | None = None,
        type: Sequence[EventType] | None = None,
        name: Sequence[str] | None = None,
        story: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Event]:
        """Events after a number, oldest first."""
        return await self._ask(
            "GET",
            f"/api/v1/projects/{_quoted(project)}/events",
            list[Event],
            query={
                "after": after,
                "type": type,
                "name": name,
                "story": story,
                "limit": limit,
                "cursor": cursor,
            },
        )

    async def cancel_project(self, project: str) -> CancelReply:
        """Ask the run to stop: work is preserved, claims are released, nothing more is merged."""
        return await self._ask("POST", f"/api/v1/projects/{_quoted(project)}/cancel", CancelReply)

    async def amend_plan(
        self,
        project: str,
        *,
        if_match: str | None = None,
        plan: str | None = None,
        files: Mapping[str, Any] | None = None,
        file: str | None = None,
        id: str | None = None,
        renames: Mapping[str, Any] | None = None,
        apply: bool | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> AmendmentReply:
        """Say what an edited plan changes of a run; with `apply`, all of it or nothing holds from now on."""
        return await self._ask(
            "POST",
            f"/api/v1/projects/{_quoted(project)}/amend",
            AmendmentReply,
            body={
                "plan": plan,
                "files": files,
                "file": file,
                "id": id,
                "renames": renames,
                "apply": apply,
                "actor": actor,
                "reason": reason,
            },
            headers={"if-match": if_match},
        )


def _quoted(value: str | int) -> str:
    return quote(str(value), safe="")
