"""What activities share: the database, settings, Temporal's client, and what a run's steps need to know.

A run in force, its plan with the changes up to a revision, never changes: it is read once a process and kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sqlalchemy.orm import Session
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.merge_line import LineWatch
from paceline.contracts import WORK_TASK_QUEUE, ClaimGranted, ClaimLost, StoryRoute, StoryStep
from paceline.domain import graph, ids, schedule
from paceline.domain.changes import RunChange, changed_plan, max_parallel
from paceline.domain.claims import Grant, Need, Retreat
from paceline.domain.gates import Gate, GatePolicy, gates_of
from paceline.domain.parts import Part, is_split, part_in
from paceline.domain.plan import Plan, Story
from paceline.domain.proof import CriteriaPolicy
from paceline.domain.status import Collaboration, Run, SplitStories
from paceline.domain.work import AgentDeclaration, is_rehearsal
from paceline.errors import ConfigurationError, NotFound
from paceline.settings import Settings
from paceline.store import changes, claims
from paceline.store.database import Database
from paceline.vcs.repository import Repository

log = logging.getLogger(__name__)

NO_EPIC = "Backlog"
"""Key of the epic for stories that name none."""
WHOLE_REPOSITORY = "**"


@dataclass(frozen=True)
class RunContext:
    """One run with its plan and what is computed from it once."""

    run: Run
    plan: Plan
    scope: str
    """The world in which its resource names mean the same."""
    changes: tuple[RunChange, ...] = ()
    """What people changed of it, the oldest first; `plan` is the plan with them."""

    @property
    def revision(self) -> int:
        """Number of the newest change; 0 where there is none."""
        return self.changes[-1].revision if self.changes else 0

    @cached_property
    def stories(self) -> dict[str, Story]:
        """Stories by id."""
        return {story.id: story for story in self.plan.stories}

    @cached_property
    def edges(self) -> dict[str, list[str]]:
        """Effective dependencies by story id."""
        return graph.story_edges(self.plan)

    @cached_property
    def dependants(self) -> dict[str, list[str]]:
        """Ids of the stories that wait for one, by its id."""
        return graph.dependants(self.edges)

    @cached_property
    def weights(self) -> dict[str, float]:
        """The longest remaining path by story id, in points."""
        points = {story.id: story.points for story in self.plan.stories}
        return schedule.remaining_path(self.edges, points)

    @cached_property
    def ranks(self) -> dict[str, int]:
        """Place in the priority order by story id."""
        return schedule.priority_rank(self.plan)

    def line_weight(self, story: Story) -> float:
        """The story's place in the waiting line: by its priority, then by the path behind it."""
        return schedule.line_weight(self.ranks.get(story.id, 0), self.weights.get(story.id, 0.0))

    def story(self, key: str) -> Story:
        """One story of the plan.

        Raises:
            NotFound: the plan has no story of that id.
        """
        try:
            return self.stories[key]
        except KeyError:
            raise NotFound(f"The plan of {self.run.id} has no story {key}.") from None

    def epic_of(self, story: Story) -> str:
        """Key of the story's epic."""
        return story.epic or NO_EPIC

    def sprint_of(self, story: Story) -> str:
        """Key of the sprint the story runs in: the first one that names it."""
        return story.sprints[0] if story.sprints else self.plan.sprints[0].id

    @cached_property
    def sprint_order(self) -> list[str]:
        """Keys of the sprints, in their order."""
        return [sprint.id for sprint in self.plan.sprints]

    def is_split(self, story: Story) -> bool:
        """Whether each of the story's sprints does a part of it."""
        if self.run.options.split_stories is not SplitStories.PARTS or story.done:
            return False
        waiting = (self.stories[name] for name in self.dependants.get(story.id, ()) if name in self.stories)
        awaited = [self.sprint_of(each) for each in waiting if not each.done]
        return is_split(story, self.sprint_order, awaited)

    def part_of(self, story: Story, credited: Iterable[str] | None = None) -> Part | None:
        """The part of a story that its sprint has to do; None where that is all of it.

        Args:
            credited: as for `part_in`.
        """
        if not self.is_split(story):
            return None
        return part_in(story, self.sprint_of(story), self.sprint_order, credited)

    def declaration(self, agent: str) -> AgentDeclaration:
        """How an agent of this run works.

        Raises:
            ConfigurationError: the run was started without a declaration for it.
        """
        agents = self.run.options.agents
        found = agents.get(agent) or self.run.options.spare.get(agent) or agents.get("*")
        if found is None:
            raise ConfigurationError(
                f'No declaration says how agent {agent} of {self.run.id} works; add [agents."{agent}"] '
                "to paceline.toml and start the plan again."
            )
        return found

    def lead(self, story: Story) -> str:
        """The agent that leads the story."""
        return story.agents[0] if story.agents else "*"

    @property
    def collaboration(self) -> Collaboration:
        """How the agents of a collaborative story share it."""
        return self.run.options.collaboration or Collaboration.TURNS

    def rounds(self, story: Story) -> int:
        """How often a lead works at most whom others review; 0 where nobody does."""
        reviewed = self.collaboration is Collaboration.REVIEW and len(self.takes_turns(story)) > 1
        return (self.run.options.review_rounds or 1) if reviewed else 0

    def takes_turns(self, story: Story) -> list[str]:
        """The agents that work on the story, in their order; a single one, unless it is collaborative.

        Of a collaborative story these are the commands among its agents, where its lead is one.
        """
        lead = self.lead(story)
        together = story.collaborative and self.collaboration is not Collaboration.LEAD
        if not together or self.declaration(lead).kind != "command":
            return [lead]
        return [name for name in dict.fromkeys(story.agents) if self.declaration(name).kind == "command"]

    def route(self, story: Story) -> StoryRoute:
        """How the story is done."""
        lead, options = self.declaration(self.lead(story)), self.run.options
        return StoryRoute(
            kind=lead.kind,
            task_queue=lead.task_queue or WORK_TASK_QUEUE,
            timeout=self._timeout(story),
            max_attempts=lead.max_attempts,
            approval=bool(story.approval) or options.approve_merges,
            merges=lead.kind == "command",
            conflict_attempts=options.conflict_attempts,
            reviewer=options.reviewer if options.criteria is CriteriaPolicy.REVIEWER else None,
            part=self.part_of(story),
        )

    def _timeout(self, story: Story) -> float:
        """How long an attempt may take, in seconds: every turn of it, of every round."""
        turns = sum(self.declaration(name).timeout for name in self.takes_turns(story))
        return turns * max(1, self.rounds(story))

    def patterns(self, story: Story) -> list[str]:
        """Paths and globs the story may change; the whole repository where the plan names none."""
        named = schedule.lock_patterns(story, self.plan)
        if named or self.declaration(self.lead(story)).kind != "command":
            return named
        return [WHOLE_REPOSITORY]

    def needs(self, story: Story) -> list[Need]:
        """Everything the story's claim takes: a sprint slot, its agents, its files."""
        if self.route(story).kind == "human":
            return []
        sprint = self.sprint_of(story)
        slot = Need(resource=f"sprint:{self.run.id}:{sprint}", capacity=self.max_parallel(sprint))
        agents = [
            Need(resource=f"agent:{self.run.id}:{name}", capacity=self.declaration(name).concurrency)
            for name in dict.fromkeys(story.agents)
        ]
        files = [Need(resource=f"file:{path}") for path in dict.fromkeys(self.patterns(story))]
        return [slot, *agents, *files]

    def max_parallel(self, sprint: str) -> int:
        """How many stories of a sprint may run at once."""
        return max_parallel(sprint, self.run.options.max_parallel, self.changes)

    def gates(self, sprint: str) -> list[Gate]:
        """The gates that hold the sprint up; a rehearsal with simulated agents asks nobody."""
        options = self.run.options
        rehearsal = is_rehearsal(options.agents.values())
        if rehearsal or options.gates is GatePolicy.RECORD:
            return []
        return gates_of(self.plan, sprint)

    def workflow_id(self, story: Story) -> str:
        """The story's workflow id."""
        return ids.story_workflow_id(self.run.id, self.sprint_of(story), self.epic_of(story), story.id)

    def branch(self, sprint: str) -> str:
        """The sprint's branch."""
        return ids.sprint_branch(self.run.id, sprint)

    def line(self, branch: str) -> str:
        """Names the merge line of a branch."""
        return f"{self.scope}:{branch}"


def run_now(session: Session, project: str, scope: str = "") -> RunContext:
    """A run in force with its newest changes.

    Args:
        session: any transaction.
        project: the run.
        scope: of its claims; empty where nothing is claimed.

    Raises:
        NotFound: there is no such run.
    """
    run, plan, changed = changes.run_in_force(session, project)
    return RunContext(run, changed_plan(plan, changed), scope, tuple(changed))


@dataclass
class ActivityContext:
    """The services of one worker process."""

    database: Database
    settings: Settings
    client: Client
    _runs: dict[str, RunContext] = field(default_factory=dict[str, RunContext])
    _repositories: dict[str, Repository] = field(default_factory=dict[str, Repository])
    _lines: dict[str, LineWatch] = field(default_factory=dict[str, LineWatch])

    async def run(self, project: str, revision: int = 0) -> RunContext:
        """The run of a project as it is in force, read once for each change of it.

        Args:
            project: its id.
            revision: the least of its changes that has to be in it.

        Raises:
            NotFound: there is no such run.
        """
        found = self._runs.get(project)
        if found is None or found.revision < revision:
            run, plan, changed = await self.database.read(changes.run_in_force, project)
            scope = f"project:{project}"
            # A run that touches no files stands in nobody's way, also where it names a repository.
            edits = any(agent.kind == "command" for agent in run.options.agents.values())
            if run.repository is not None and edits:
                repository = await Repository.open(Path(run.repository))
                scope = f"repository:{repository.identity()}"
            found = RunContext(run, changed_plan(plan, changed), scope, tuple(changed))
            self._runs[project] = found
        return found

    async def newest(self, project: str) -> RunContext:
        """The run of a project with every change, for who was told of none.

        Raises:
            NotFound: there is no such run.
        """
        return await self.run(project, await self.database.read(changes.latest_revision, project))

    async def repository(self, run: RunContext) -> Repository:
        """The git repository of a run, opened once.

        Raises:
            ConfigurationError: the run was started without one.
        """
        if run.run.repository is None:
            raise ConfigurationError(
                f"Run {run.run.id} has no repository, and its story needs one; start it with --repo DIR."
            )
        known = self._repositories.get(run.run.repository)
        if known is None or not (known.path.is_dir() and known.common_dir.is_dir()):
            known = await Repository.open(Path(run.run.repository))
            self._repositories[run.run.repository] = known
        return known

    def merge_line(self, run: RunContext, branch: str) -> LineWatch:
        """The line of everybody who merges to a branch, as this process knows it."""
        line = run.line(branch)
        known = self._lines.get(line)
        if known is None:
            known = self._lines[line] = LineWatch(self.database, line, run.run.options.merge_batch)
        return known

    def attempt_folder(self, step: StoryStep) -> Path:
        """Where the large outputs of one attempt are kept."""
        story = self.settings.artifact_root / step.project / "stories" / ids.slug(step.story)
        return story / f"attempt-{step.attempt}"

    async def execution_status(self, workflow_id: str) -> WorkflowExecutionStatus | None:
        """Where a workflow's current run stands; None where there is no such workflow.

        Raises:
            RPCError: Temporal does not say; a namespace that is missing for a moment says nothing of its
                workflows.
        """
        try:
            return (await self.client.get_workflow_handle(workflow_id).describe()).status
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND and "namespace" not in error.message.lower():
                return None
            raise

    async def wake(self, workflow: str) -> None:
        """Have a workflow beside a run look whether it is still needed; else it sees it later."""
        try:
            await self.client.get_workflow_handle(workflow).signal("look-again")
        except RPCError as error:
            log.info("%s was not told to look again: %s", workflow, error.message)

    async def tell(self, grants: Sequence[Grant], retreats: Sequence[Retreat] = ()) -> None:
        """Signal the waiters whose claims were granted, and the holders whose claims gave back everything.

        A grant's signal that is lost here is sent again by the sweep; the waiter also asks again by itself.
        Who is not told of a retreat finds its fence void where it matters.
        """
        if retreats:
            await asyncio.gather(*(self._tell_lost(retreat) for retreat in retreats))
        if grants:
            told = await asyncio.gather(*(self._tell(grant) for grant in grants))
            await self.database.write(_acknowledge, [claim for claim in told if claim is not None])

    async def _tell(self, grant: Grant) -> str | None:
        handle = self.client.get_workflow_handle(grant.holder)
        try:
            await handle.signal("claim-granted", ClaimGranted(claim=grant.claim, fence=grant.fence))
        except RPCError as error:
            log.warning("claim %s was granted and its holder not told: %s", grant.claim, error.message)
            return None
        return grant.claim

    async def _tell_lost(self, retreat: Retreat) -> None:
        handle = self.client.get_workflow_handle(retreat.holder)
        try:
            await handle.signal("claim-lost", ClaimLost(claim=retreat.claim, fence=retreat.fence))
        except RPCError as error:
            log.warning("claim %s was lost and its holder not told: %s", retreat.claim, error.message)


def _acknowledge(session: Session, told: Sequence[str]) -> None:
    """Temporal keeps the signals now, so nobody has to send them again."""
    for claim in told:
        claims.acknowledge_grant(session, claim)
