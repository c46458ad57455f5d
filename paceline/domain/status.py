"""Read models of a run: what the API, the page and the terminal show."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field, StrictBool, model_validator

from paceline.domain.arbitration import ForeignEdits
from paceline.domain.calendar import CalendarOptions
from paceline.domain.finish import FinishChanges, FinishOptions
from paceline.domain.gates import GatePolicy
from paceline.domain.metric_rules import MetricsOptions
from paceline.domain.model import Model
from paceline.domain.notifications import NotifyOptions
from paceline.domain.plan import Plan, Story
from paceline.domain.proof import CriteriaPolicy
from paceline.domain.states import AgentState, RunState, StoryState
from paceline.domain.steering import SteerScope
from paceline.domain.waiting_rules import QuestionOptions
from paceline.domain.work import AgentDeclaration, SandboxPolicy


class RunMode(StrEnum):
    """How the stories of a sprint that may start are let in."""

    CONTINUOUS = "continuous"
    """Each as soon as there is room for it."""
    BATCH = "batch"
    """In the waves of the plan's dependencies: a wave starts when every story of the one before has ended."""


class CarryOver(StrEnum):
    """Who decides whether stories that did not succeed go on in the next sprint."""

    PERSON = "person"
    ALWAYS = "always"
    NEVER = "never"


class Collaboration(StrEnum):
    """How the agents of a collaborative story share it."""

    TURNS = "turns"
    """Each works once in the same worktree, one after the other, in the plan's order."""
    REVIEW = "review"
    """The first does it; each of the others reviews that in the same worktree and changes nothing, and what
    they say goes to the first for another round, until all approve or the rounds are used up."""
    LEAD = "lead"
    """The first does it; the others are held by its claim and do nothing else meanwhile."""


class SplitStories(StrEnum):
    """How a story is done that the plan spreads over several sprints."""

    PARTS = "parts"
    """In each of them its part, going on from the work of the part before; it merges with the last one."""
    WHOLE = "whole"
    """All of it in the first of them."""


class CompletionOptions(Model):
    """From the table `[completion]` or a run's options: what has to be so for a run to count as completed."""

    stories: StrictBool = True
    """Every story has succeeded."""
    require: list[str] = Field(default_factory=list[str], max_length=1000)
    """Ids of stories and epics that must have succeeded; with `stories = false` the others need not."""
    no_open_questions: StrictBool = False
    """Nobody is asked anything any more."""
    definition_of_done: StrictBool = False
    """Of every sprint that was worked on, commands or a person have said that it holds."""
    metrics: StrictBool = False
    """Every metric, and every success criterion of a sprint that was worked on, is met; each sprint waits
    for its own criteria."""

    @model_validator(mode="after")
    def _something_counts(self) -> CompletionOptions:
        wanted = (self.stories, self.require, self.no_open_questions, self.definition_of_done, self.metrics)
        if not any(wanted):
            raise ValueError("nothing would have to be so for a run to be complete; name something")
        return self


class LostAgents(StrEnum):
    """What happens to the stories of an agent that is lost."""

    REPLACE = "replace"
    """Another agent takes them, by the plan's rules, role, skills or as a spare; else a person is asked."""
    WAIT = "wait"
    """They wait for it."""


class ScopePolicy(StrEnum):
    """Whether people are asked about the scope of a sprint that is late, or ahead."""

    ASK = "ask"
    NEVER = "never"


class AdjustingOptions(Model):
    """From the table `[adjusting]` or a run's options: what happens when a run does not go as planned."""

    late_sprints: ScopePolicy | None = None
    """Whether people are asked what to leave out of a sprint that will be late; None: they are."""
    ahead_sprints: ScopePolicy | None = None
    """Whether people are asked what to do beside a sprint that is ahead; None: they are."""
    lost_agents: LostAgents | None = None
    """What happens to the stories of an agent that is away or fell silent; None: others take them."""
    lost_after_failures: int | None = Field(default=None, ge=0, le=1000)
    """An agent that failed so many stories in a row by its own fault is lost; 0 and None: never for that."""


class RunOptions(Model):
    """What the person who starts a run may choose."""

    max_parallel: int = Field(default=4, ge=1, le=1000)
    """The most stories that work at once in one sprint."""
    mode: RunMode = RunMode.CONTINUOUS
    """How stories that may start are let in."""
    collaboration: Collaboration | None = None
    """How the agents of a collaborative story share it; None: as the repository says, or by turns."""
    review_rounds: int | None = Field(default=None, ge=1, le=20)
    """With reviews, how often the lead works at most; None: as the repository says, or 3 times."""
    approve_merges: bool = False
    """Ask a person before every merge, also where the plan does not."""
    criteria: CriteriaPolicy | None = None
    """Who answers for acceptance criteria that name no command; None: as the repository says."""
    gates: GatePolicy | None = None
    """Who answers for what definitions of ready and of done name no command for; None as for `criteria`."""
    reviewer: str | None = None
    """The agent that reviews where `criteria` is `reviewer`; one of `agents`."""
    checks: list[str] = Field(default_factory=list[str])
    """Commands that prove every story, beside its own: the repository's defaults."""
    merge_batch: int = Field(default=8, ge=1, le=100)
    """The most stories that are checked and merged together when several are ready; 1: each by itself."""
    conflict_attempts: int = Field(default=2, ge=0, le=100)
    """How often an agent may try to resolve a conflict of its story before a person is asked."""
    finish: FinishOptions | None = None
    """What happens with a sprint's branch at its end; None: as the repository says."""
    finish_changes: FinishChanges | None = None
    """Single fields of that which the run wants otherwise; the start puts them into `finish`."""
    foreign_edits: ForeignEdits | None = None
    """What happens to stories that change files of other agents; None: as the repository says, or allow."""
    growth: ForeignEdits | None = None
    """What happens to an agent that needs a file beside its story's claim; None as for `foreign_edits`."""
    split_stories: SplitStories | None = None
    """How stories are done that the plan spreads over several sprints; the start puts in what the repository
    says, or parts. None: whole, in a run that began before there was a choice."""
    carry_over: CarryOver | None = None
    """Who decides about stories that a sprint ended without; None: a person, in a rehearsal nobody."""
    completion: CompletionOptions | None = None
    """When the run counts as completed; None: as the repository says, or when every story has succeeded."""
    metrics: MetricsOptions | None = None
    """What measures metrics and success criteria, and who is asked for the rest; None: as the repository
    says, or people, for all of them."""
    late_sprints: ScopePolicy | None = None
    """Whether people are asked what to leave out of a sprint that will be late; None: as the repository says,
    or they are."""
    ahead_sprints: ScopePolicy | None = None
    """Whether people are asked what to do beside a sprint that is ahead; None as for `late_sprints`."""
    lost_agents: LostAgents | None = None
    """What happens to the stories of an agent that is away or fell silent; None: as the repository says, or
    others take them."""
    lost_after_failures: int | None = Field(default=None, ge=0, le=1000)
    """An agent that failed so many stories in a row by its own fault is lost; 0: never for that, None: as the
    repository says, or never."""
    sandbox: SandboxPolicy | None = None
    """Whether agents and checks are confined, where an agent does not say; None: as the repository says."""
    calendar: CalendarOptions | None = None
    """What a day of a sprint is, and whether it is reported; None: as the repository says, or real days.
    Where nobody says it, a run of simulated agents only is not reported."""
    questions: QuestionOptions | None = None
    """When people are reminded of questions, and who is told next; None: as the repository says, or not."""
    approve_start: Literal["run", "sprints"] | None = None
    """Ask before the run begins, or before each of its sprints; None: as the repository says, or neither."""
    approve_sprints: bool | None = None
    """Ask at the end of each sprint; None: as the repository says, or not."""
    confirm_reading: list[str] | None = None
    """Codes of findings about the plan that a person has to confirm before the run begins; `*`: all warnings.
    None: as the repository says, or none."""
    doubts: list[str] = Field(default_factory=list[str])
    """What the plan gave rise to, of these; the start puts it in."""
    notify: NotifyOptions | None = None
    """Who is told of questions outside; None: as the repository says, or nobody."""
    allow_dirty: bool = False
    """Run although the checkout has uncommitted changes, which the run does not see."""
    agents: dict[str, AgentDeclaration] = Field(default_factory=dict[str, AgentDeclaration])
    """By the plan's agent name; `*` stands for every agent that is not named."""
    spare: dict[str, AgentDeclaration] = Field(default_factory=dict[str, AgentDeclaration])
    """Declared agents that no story names at the start; a story can be given to one of them."""


class Run(Model):
    """One run of one plan. Id and workflow id are the same text."""

    id: str
    run_number: int = 1
    title: str
    plan_digest: str
    repository: str | None = None
    """The absolute path of the git repository; None for a run of simulated and human agents only."""
    base_commit: str | None = None
    options: RunOptions
    state: RunState = RunState.RUNNING
    started_at: datetime
    ended_at: datetime | None = None


REMOVED = "REMOVED"
"""Reason code of a story that was removed from the plan."""


class StoryStatus(Model):
    """Where a story stands, and why it waits."""

    id: str
    title: str
    epic: str | None = None
    sprint: str
    agents: list[str] = Field(default_factory=list[str])
    state: StoryState = StoryState.PENDING
    attempt: int = 0
    reason: str | None = None
    """Why it is not further: what it waits for, or why it failed."""
    reason_code: str | None = None
    workflow_id: str | None = None
    fence: int | None = None
    merge_commit: str | None = None
    summary: str | None = None
    dependencies: list[str] = Field(default_factory=list[str])
    points: float | None = None
    updated_at: datetime | None = None

    @property
    def removed(self) -> bool:
        """Whether it was removed from the plan: it counts nowhere."""
        return self.state is StoryState.CANCELLED and self.reason_code == REMOVED


class AgentStatus(Model):
    """What an agent does now; DEAD where its heartbeat stopped while it was working."""

    agent: str
    project: str
    state: AgentState = AgentState.IDLE
    story: str | None = None
    last_heartbeat: datetime | None = None
    detail: str | None = None
    updated_at: datetime | None = None


class Pause(Model):
    """A part of a run that a person paused, and that nobody has resumed."""

    scope: SteerScope
    target: str
    """Id of the run, the sprint, the epic or the story."""
    sprint: str = ""
    """The sprint that it is in, where it is an epic or a story."""
    actor: str
    reason: str = ""
    since: datetime


class ListedRun(Run):
    """A run as a list of runs shows it."""

    paused: Pause | None = None
    """Who paused it as a whole, where nobody resumed it; paused parts of it are not told of here."""


class Away(Model):
    """An agent that is not there."""

    agent: str
    reason: str
    """`away` as somebody said, `silent`, or `failing`."""
    since: datetime
    until: datetime | None = None
    actor: str
    note: str = ""
    waits: bool = False
    """Its stories wait for it, as somebody said; else others take them, or a person is asked."""


class ProjectStatus(Model):
    """A run with its stories, agents and open questions."""

    run: Run
    counts: dict[StoryState, int]
    """Of the stories of the plan; those that were removed from it are in none of them."""
    removed: int = 0
    """Stories that were removed from the plan."""
    percent: float
    """Stories in a final success state, of all of the plan, times 100."""
    stories: list[StoryStatus]
    agents: list[AgentStatus]
    open_questions: int
    last_event: int
    forced_by: str | None = None
    """The person who said that the run is complete, where one did."""
    end_reason: str | None = None
    """Why the run ended otherwise than completed by itself, where it did."""
    paused: list[Pause] = Field(default_factory=list[Pause])
    """What of it is paused now, the widest first."""
    away: list[Away] = Field(default_factory=list[Away])
    """The agents that are away now, in alphabetical order."""


class Artifact(Model):
    """A file in the artifact folder; `path` is relative to it, `sha256` is of its bytes."""

    id: str
    project: str
    story: str | None = None
    kind: str
    """`log`, `transcript`, `diff`, `evidence`, `work-order`, `report`, `code`, `requirements` or `bundle`."""
    path: str
    bytes: int
    sha256: str
    created_at: datetime


def first_status(story: Story, plan: Plan, edges: Mapping[str, list[str]]) -> StoryStatus:
    """Where a story stands before a run has touched it.

    Args:
        story: one of the plan's.
        plan: whose first sprint takes the stories that name none.
        edges: the effective dependencies, as `graph.story_edges` returns them.
    """
    return StoryStatus(
        id=story.id,
        title=story.title,
        epic=story.epic,
        sprint=story.sprints[0] if story.sprints else plan.sprints[0].id,
        agents=list(dict.fromkeys(story.agents)),
        state=StoryState.SETTLED if story.done else StoryState.PENDING,
        reason="done before this run, says the plan" if story.done else None,
        dependencies=edges.get(story.id, []),
        points=story.points,
    )
