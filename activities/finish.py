"""The end of a sprint: its branch is pushed and a pull request opened, where that was asked for.

Both can be done again after a crash: a push of the same commit changes nothing, and an opened pull request is
remembered. What fails is recorded and said; it never costs the run.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from temporalio import activity

from activities.context import ActivityContext, RunContext
from activities.files import RunKeeper
from activities.heartbeat import heartbeating
from activities.no_change import NO_CHANGE
from paceline.agents.checks import run_checks
from paceline.contracts import Done, SprintStep
from paceline.domain import ids
from paceline.domain.events import EventDraft, EventType
from paceline.domain.finish import GITHUB, FinishOptions, filled
from paceline.domain.status import StoryStatus
from paceline.errors import PacelineError, RepositoryError
from paceline.store import events, status
from paceline.vcs.git import git
from paceline.vcs.repository import Repository

_OUTPUT = 2000
_OPENED = "pull_request.opened"


@dataclass(frozen=True)
class _Branch:
    """What is pushed: a commit, and the branch's name on the remote."""

    run: RunContext
    sprint: str
    repository: Repository
    head: str
    remote: str
    name: str

    def key(self, what: str) -> str:
        """Names one event of this sprint's end."""
        return f"{self.run.run.id}/{self.sprint}#{what}"


class FinishActivities:
    """Hand a sprint's branch on."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="finish-sprint")
    async def finish_sprint(self, step: SprintStep) -> Done:
        """Push the sprint's branch and open its pull request; failures are recorded, and the run goes on."""
        run = await self._context.run(step.project, step.revision)
        options = run.run.options.finish
        if options is None or not options.push or run.run.repository is None:
            return Done()
        async with heartbeating():
            try:
                branch = await self._branch(run, step.sprint, options.push, options)
                if branch is not None:
                    await self._push(branch)
                    await self._open(branch, options)
            except PacelineError as error:
                await self._tell(run, _failed(run, step.sprint, error.message))
        return Done()

    async def _branch(
        self, run: RunContext, sprint: str, remote: str, options: FinishOptions
    ) -> _Branch | None:
        """The branch, if stories were merged to it."""
        repository = await self._context.repository(run)
        head = await repository.resolve(f"refs/heads/{run.branch(sprint)}")
        if head is None or head == run.run.base_commit:
            return None
        slugs = {"{project}": ids.slug(run.run.id), "{sprint}": ids.slug(sprint)}
        name = options.branch or run.branch(sprint)
        for place, value in slugs.items():
            name = name.replace(place, value)
        return _Branch(run, sprint, repository, head, remote, name)

    async def _push(self, branch: _Branch) -> None:
        target = f"{branch.head}:refs/heads/{branch.name}"
        # Never by force: what somebody else pushed there is not ours.
        await git(branch.repository.common_dir, "push", "--quiet", "--", branch.remote, target)
        await self._tell(branch.run, _pushed(branch))

    async def _open(self, branch: _Branch, options: FinishOptions) -> None:
        known = (events.event_of, branch.run.run.id, branch.key(_OPENED))
        if not options.pull_request or await self._context.database.read(*known) is not None:
            return
        folder = (
            self._context.settings.artifact_root / branch.run.run.id / "sprints" / ids.slug(branch.sprint)
        )
        folder.mkdir(parents=True, exist_ok=True)
        body = folder / "pull-request.md"
        body.write_text(await self._body(branch), encoding="utf-8")
        values = {
            "branch": branch.name,
            "base": options.base or await branch.repository.branch_of_head() or "main",
            "title": f"{branch.run.plan.title}: {branch.sprint}",
            "body_file": str(body),
        }
        command = shlex.join(filled(options.pull_request, values))
        if options.pull_request == GITHUB:
            # A try that died after it had opened one must not open a second.
            command = f"gh pr view {shlex.quote(branch.name)} --json url --jq .url || {command}"
        (done,) = await run_checks(
            branch.repository.path,
            [command],
            self._context.settings.check_timeout,
            list(os.environ),
            folder,
        )
        log = done.output_path.replace(folder / "pull-request.log")
        artifact = (await RunKeeper(self._context, branch.run.run.id).keep("log", log)).id
        said = log.read_text("utf-8", "replace")[-_OUTPUT:].strip()
        if not done.passed:
            raise RepositoryError(
                f"The pull request of {branch.sprint} was not opened: {said or 'no output'}"
            )
        await self._tell(branch.run, _opened(branch, values["base"], said, artifact))

    async def _body(self, branch: _Branch) -> str:
        rows = await self._context.database.read(status.story_statuses, branch.run.run.id)
        return _body_of(branch, [row for row in rows if row.sprint == branch.sprint and _is_in(row)])

    async def _tell(self, run: RunContext, draft: EventDraft) -> None:
        await self._context.database.write(events.append_events, run.run.id, [draft])


def _failed(run: RunContext, sprint: str, reason: str) -> EventDraft:
    mark = hashlib.sha256(reason.encode()).hexdigest()[:12]
    return EventDraft(
        key=f"{run.run.id}/{sprint}#finish#{mark}",
        type=EventType.WORKFLOW_EVENT,
        name="sprint.finish_failed",
        data={"sprint": sprint, "reason": without_secrets(reason)[:_OUTPUT]},
    )


def _pushed(branch: _Branch) -> EventDraft:
    return EventDraft(
        key=branch.key(f"pushed#{branch.head}"),
        type=EventType.WORKFLOW_EVENT,
        name="sprint.pushed",
        data={
            "sprint": branch.sprint,
            "remote": without_secrets(branch.remote),
            "branch": branch.name,
            "commit": branch.head,
        },
    )


def _opened(branch: _Branch, base: str, said: str, artifact: str) -> EventDraft:
    return EventDraft(
        key=branch.key(_OPENED),
        type=EventType.WORKFLOW_EVENT,
        name="pull_request.opened",
        data={
            "sprint": branch.sprint,
            "branch": branch.name,
            "base": base,
            "said": said,
            "artifact": artifact,
        },
    )


def _body_of(branch: _Branch, stories: Sequence[StoryStatus]) -> str:
    """What a pull request says: the goal, and each story with its merge or that it needed no change."""
    goal = next((each.goal for each in branch.run.plan.sprints if each.id == branch.sprint), None)
    lines = [goal or branch.run.plan.goal or branch.run.plan.title, ""]
    lines += [f"- {row.id}: {row.title} ({(row.merge_commit or 'no change')[:12]})" for row in stories]
    return "\n".join(lines) + "\n"


def _is_in(row: StoryStatus) -> bool:
    """Whether a story is part of what its sprint's branch delivers."""
    return row.merge_commit is not None or row.reason_code == NO_CHANGE


def without_secrets(text: str) -> str:
    """A text with remotes as it may be shown: URLs without the name and password in them."""
    return re.sub(r"([a-z+]+://)[^/@\s]*@", r"\1", text)
