"""One input and one result model for every workflow, activity, signal and update.

Everything here crosses Temporal's wire: small, closed, with a default for every field that a later version
adds.
"""

from __future__ import annotations

from pydantic import Field

from paceline.domain.model import Model
from paceline.domain.parts import Part
from paceline.domain.project_questions import ProjectAnswered, ProjectAsk
from paceline.domain.proof import Advice
from paceline.domain.questions import Answer, AnswerReceipt, Option, QuestionKind
from paceline.domain.states import RunState, StoryState
from paceline.domain.steering_steps import Again, SteeredInput, Unbegun
from paceline.domain.steps import EpicStep, FailedAttempt, RunStep, SprintStep, StoryStep
from paceline.domain.waiting_rules import Watch
from paceline.domain.work import AgentKind, WorkOutcome

CONTROL_TASK_QUEUE = "paceline"
"""Workflows and the short activities around them."""
WORK_TASK_QUEUE = "paceline-work"
"""Agents, checks and merges: everything that needs the repository."""

HISTORY_LIMIT = 8_000
"""Events after which a workflow continues as new; the server warns at 10,240."""

__all__ = [
    "Answer",
    "AnswerReceipt",
    "EpicStep",
    "FailedAttempt",
    "ProjectAnswered",
    "ProjectAsk",
    "RunStep",
    "SprintStep",
    "StoryStep",
]


# Project and sprint ---


class ProjectInput(SteeredInput):
    """Start of a run; `done_sprints` is filled by continue-as-new."""

    done_sprints: list[str] = Field(default_factory=list[str])
    counts: dict[StoryState, int] = Field(default_factory=dict[StoryState, int])
    questions_asked: int = 0
    history_limit: int = HISTORY_LIMIT
    agreed: list[str] = Field(default_factory=list[str])
    """What was asked before the run began, and agreed to."""
    unbegun: dict[str, Unbegun] = Field(default_factory=dict[str, Unbegun])
    """What people did to sprints that have not begun, by sprint."""


class SprintRef(Model):
    key: str
    title: str
    optional: bool = False
    gates: list[str] = Field(default_factory=list[str])
    """`ready` and `done`, where the plan defines them and people answer for them."""
    approve_start: bool = False
    """Whether a person is asked before it begins."""
    approve_end: bool = False
    """Whether a person is asked at its end."""


class ProjectOutline(Model):
    """What the project workflow has to know of its plan."""

    title: str
    goal: str | None = None
    sprints: list[SprintRef]
    finish: bool = False
    """Whether something happens with the branch of a sprint that ended."""
    approve_start: bool = False
    """Whether a person is asked before the run begins."""
    doubts: str = ""
    """What a person is asked about the reading of the plan before it begins; empty: nothing."""


class ProjectResult(Model):
    state: RunState
    counts: dict[StoryState, int]
    bundle: str | None = None
    """Id of the bundle artifact."""


class SprintInput(SteeredInput):
    """Start of a sprint; the fields after `history_limit` are filled by continue-as-new."""

    sprint: str
    title: str
    history_limit: int = HISTORY_LIMIT
    epics_started: bool = False
    ended_epics: list[str] = Field(default_factory=list[str])
    held_epics: list[str] = Field(default_factory=list[str])
    """Epics that were paused before it began."""
    held_stories: list[str] = Field(default_factory=list[str])
    """Stories that were paused before it began."""
    again: bool = False
    """It ran before, and ended before it knew what an amendment added; its epics may have ended too."""


class EpicRef(Model):
    key: str
    title: str
    stories: int
    pending: int = 0
    """Of an amended plan: those that have not begun."""


class SprintOutline(Model):
    goal: str | None = None
    branch: str | None = None
    """The branch the stories merge to; None for a run without a repository."""
    epics: list[EpicRef]
    clock: bool = False
    """Whether its days are reported."""
    measures: bool = False
    """Whether there are metrics or success criteria to measure at its end."""


class SprintResult(Model):
    counts: dict[StoryState, int]


# Epic ---


class StorySettled(Model):
    """A story reached a final state. From story to epic, from epic to sprint, from sprint to other epics."""

    story: str
    state: StoryState
    notify: list[str] = Field(default_factory=list[str])
    """Epics of the same sprint with stories that depend on it."""


class SettledBatch(Model):
    """Several at once, so that a burst is one signal."""

    stories: list[StorySettled]


class StoryRef(Model):
    """What an epic has to know of one story."""

    key: str
    title: str
    agent: str
    """Names of its agents, for display."""
    dependencies: list[str] = Field(default_factory=list[str])
    notify: list[str] = Field(default_factory=list[str])
    weight: float = 0.0
    """Longest remaining path in points, the story included."""
    rank: int = 0
    """Place in the priority order; smaller is more urgent."""
    again: Again | None = None
    """Where its attempts go on, if it was carried over from an earlier sprint."""


class EpicSlice(Model):
    """The stories of one epic in one sprint."""

    title: str
    stories: list[StoryRef]
    settled: list[StorySettled] = Field(default_factory=list[StorySettled])
    """Dependencies that had settled before this sprint began."""
    waves: list[list[str]] = Field(default_factory=list[list[str]])
    """In batch mode, all stories of the sprint by wave; otherwise empty."""


class EpicInput(SteeredInput):
    """Start of an epic slice; the lists after `history_limit` are filled by continue-as-new."""

    sprint: str
    epic: str
    title: str
    history_limit: int = HISTORY_LIMIT
    settled: list[StorySettled] = Field(default_factory=list[StorySettled])
    running: list[str] = Field(default_factory=list[str])
    continued: int = 0
    held: list[str] = Field(default_factory=list[str])
    """Stories that were paused before they started."""
    again: dict[str, Again] = Field(default_factory=dict[str, Again])
    """Stories that were started again after they had ended."""
    reopenings: int = 0


class EpicResult(Model):
    counts: dict[StoryState, int]


# Story ---


class StoryInput(SteeredInput):
    """Start of a story; the fields after `history_limit` are filled by continue-as-new."""

    sprint: str
    epic: str
    story: str
    title: str
    agent: str
    parent: str
    """Workflow id of its epic."""
    weight: float = 0.0
    notify: list[str] = Field(default_factory=list[str])
    history_limit: int = HISTORY_LIMIT
    attempt: int = 1
    amendments: list[str] = Field(default_factory=list[str])
    failures: list[FailedAttempt] = Field(default_factory=list[FailedAttempt])
    questions_asked: int = 0
    extra_attempts: int = 0
    """Attempts that people granted beyond the agent's own limit."""
    conflicts: int = 0
    """Attempts to resolve a conflict since a person was asked."""
    foreign_approved_by: str = ""
    """The person who said that the story may change files of other agents."""
    claims_lost: int = 0
    """How often the story's claim was lost while it was under work."""
    settle_by_signal: bool = False
    round: int = 0
    """How often it was started again after it had ended."""
    pauses: int = 0


class StoryRoute(Model):
    """How a story is done: decided from the run's agent declarations."""

    kind: AgentKind
    task_queue: str
    timeout: float
    """The agent's wall-clock limit in seconds."""
    max_attempts: int
    approval: bool
    conflict_attempts: int = 2
    """How often the agent may try to resolve a conflict before a person is asked."""
    merges: bool
    """False for simulated and human stories, which have nothing to merge."""
    reviewer: str | None = None
    """The agent that gives advice on criteria which no command proves."""
    part: Part | None = None
    """Of a story that is done in parts: the one of this sprint."""


class ClaimStep(StoryStep):
    """Ask for the story's claim: its sprint slot, its agents, its files."""

    weight: float = 0.0
    approved_by: str = ""
    """The person who said that it may change files of other agents."""


class GrowStep(StoryStep):
    """Ask for files beside the story's claim, after the work of its last attempt was preserved."""

    fence: int
    files: list[str]
    approved_by: str = ""
    """The person who said that it may have them."""


class ClaimReply(Model):
    granted: bool
    fence: int | None = None
    position: int | None = None
    waits_for: list[str] = Field(default_factory=list[str])
    route: StoryRoute
    asks: QuestionKind | None = None
    """Nothing was asked for yet: a person has to say first whether the story may have it."""
    refused: str = ""
    """A stable code, where the rule refuses what the story needs."""
    reason: str = Field(default="", max_length=10_000)
    """Why a person is asked, or why it is refused."""


class ClaimGranted(Model):
    """Signal to a waiting claim."""

    claim: str
    fence: int


class ClaimLost(Model):
    """Signal to a holder whose claim gave back everything; the fence is the number that is void now."""

    claim: str
    fence: int


class WorkStep(StoryStep):
    fence: int
    amendments: list[str] = Field(default_factory=list[str])
    failures: list[FailedAttempt] = Field(default_factory=list[FailedAttempt])


class WorkReport(Model):
    """What came of the work step. Long texts are in the artifact folder."""

    outcome: WorkOutcome
    code: str = ""
    """A stable failure code from `paceline.errors`, where the outcome is not `done`."""
    reason: str = Field(default="", max_length=2000)
    summary: str = Field(default="", max_length=2000)
    question: str | None = Field(default=None, max_length=20_000)
    options: list[str] = Field(default_factory=list[str], max_length=50)
    """What the agent offers to choose from."""
    commit: str | None = None
    """The commit with the attempt's diff on its own branch; None where it changed nothing."""
    changed: list[str] = Field(default_factory=list[str], max_length=200)
    """The first 200 changed paths."""
    changed_count: int = 0
    needs_files: list[str] = Field(default_factory=list[str], max_length=100)
    """Files that the story has to have before its next attempt, which is no failure."""
    claim_lost: bool = False
    """The claim gave back everything meanwhile; the story asks for it again, which is no failure either."""


class ReviewStep(StoryStep):
    """Have the reviewing agent look at `commit`."""

    commit: str
    unchanged: bool = False
    """The story changed nothing, and `commit` is the head of the sprint's branch."""


class ReviewReport(Model):
    """What the reviewing agent says; no advice where it failed, and `reason` says why."""

    advice: list[Advice] = Field(default_factory=list[Advice], max_length=100)
    reason: str = Field(default="", max_length=2000)


class LandStep(StoryStep):
    """Verify the candidate merge of `commit`, and merge it unless `verify_only`."""

    fence: int
    commit: str
    """Empty where the attempt changed nothing, which its story allows."""
    verify_only: bool = False
    confirmed_by: str = ""
    """The person who said that the criteria without a command are met."""
    advice: list[Advice] = Field(default_factory=list[Advice], max_length=100)
    """What a reviewing agent said of them."""


class LandReport(Model):
    """What came of verification and merge."""

    verified: bool
    merged: bool = False
    merge_commit: str | None = None
    moved: bool = False
    """The sprint branch moved in between; ask again."""
    code: str = ""
    reason: str = Field(default="", max_length=2000)
    evidence: str | None = None
    """Id of the evidence artifact."""
    checked: str | None = None
    """Of an attempt that changed nothing: the head of the sprint's branch that its checks ran on."""
    unchanged: bool = False
    """It is proven there, and the story settles without a merge."""
    diff: str | None = None
    """Id of the diff artifact."""
    diff_summary: str = Field(default="", max_length=2000)
    conflicts: list[str] = Field(default_factory=list[str], max_length=100)
    """Paths in which the work does not apply on the branch."""
    hunks: dict[str, str] = Field(default_factory=dict[str, str])
    """Both sides of the first of them, bounded."""
    unproven: list[str] = Field(default_factory=list[str], max_length=100)
    """Criteria that a person has to answer for before the merge, each bounded."""


class AskStep(StoryStep):
    """Open a question. While it is open the story gives back its slots and keeps its files."""

    number: int
    kind: QuestionKind
    text: str = Field(max_length=20_000)
    context: dict[str, str] = Field(default_factory=dict[str, str])
    options: list[Option] = Field(default_factory=list[Option])


class AskReply(Model):
    question: str
    watch: Watch | None = None
    """What happens while nobody answers; None: it just waits."""


class AnsweredStep(StoryStep):
    """Record an answer. `resume` is how the story goes on."""

    answer: Answer
    kind: QuestionKind
    asked: AskStep | None = None
    """Opens the question again where a restored database does not know it."""


class EndAttemptStep(StoryStep):
    """End an attempt without a merge: preserve its work, remove its worktree, record the reason."""

    code: str
    reason: str


class SettleStep(StoryStep):
    """End of a story: release everything and record the final state."""

    state: StoryState
    code: str = ""
    reason: str = ""
    summary: str = ""
    merge_commit: str | None = None
    attempts: int
    round: int = 0
    part: Part | None = None
    """The part that is done, where the story goes on in a later sprint."""


class SettleReply(Model):
    """How a story really ended, where that is not what was asked for: its merge had been made already."""

    state: StoryState | None = None
    merge_commit: str | None = None


class Done(Model):
    """An activity with nothing to say."""


class StoryResult(Model):
    story: str
    state: StoryState
    merge_commit: str | None = None
    attempts: int = 0


# Project reports ---


class FinishProject(RunStep):
    """End of a run: record it and make the bundle."""

    state: RunState
    counts: dict[StoryState, int]
    """As each sprint counted when it ended; a rollback may have changed it since."""
    sprints: list[str] = Field(default_factory=list[str])
    """Those whose stories count; none: `counts` are believed."""
    forced_by: str = ""
    """The person who said that it is complete."""
    refused: str = ""
    """The question whose answer ended the run: that it does not begin, or that a sprint is not accepted."""
    refused_sprint: str = ""
    """The sprint that was asked about; none: the whole run."""


class GateStep(RunStep):
    """Look at a sprint's definition of `ready` or of `done`."""

    sprint: str
    gate: str


class GateReport(Model):
    """What a person has to be asked; empty where every entry of the gate is proven."""

    question: str = Field(default="", max_length=20_000)


class LostStory(RunStep):
    """A story whose workflow was closed from outside before it could settle."""

    sprint: str
    epic: str
    story: str
    reason: str


class BlockedStories(RunStep):
    """Stories of an epic that will never start, because a dependency did not succeed."""

    sprint: str
    epic: str
    stories: dict[str, str]
    """Story key to the key of the dependency that did not succeed."""
    round: int = 0
    """How often stories of the epic were opened again before."""
