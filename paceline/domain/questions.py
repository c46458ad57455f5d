"""Questions that only people can answer, and their answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from paceline.domain.model import Model


class QuestionKind(StrEnum):
    """Why a person is asked."""

    APPROVE_MERGE = "approve_merge"
    CONFIRM_CRITERIA = "confirm_criteria"
    """Criteria name no command, so only a person can say whether they are met."""
    CONFIRM_READY = "confirm_ready"
    """The plan's definition of ready is to hold before a sprint starts."""
    CONFIRM_DONE = "confirm_done"
    """The plan's definition of done is to hold when a sprint's stories have ended."""
    ANSWER_AGENT = "answer_agent"
    TAKE_OVER = "take_over"
    """An agent failed as often as it may."""
    LANDING_BLOCKED = "landing_blocked"
    """Finished work cannot be merged for a reason that is not the agent's."""
    RESOLVE_CONFLICT = "resolve_conflict"
    """A story's work does not apply on the branch, and its agent did not resolve that."""
    CONFIRM_FOREIGN_EDIT = "confirm_foreign_edit"
    """A story is to change files of an agent who is not its own, and the rule asks a person."""
    CONFIRM_GROWTH = "confirm_growth"
    """An agent needs files beside its story's claim, and the run asks a person."""
    HUMAN_STORY = "human_story"
    START_OPTIONAL_SPRINT = "start_optional_sprint"
    CONFIRM_ROLLBACK = "confirm_rollback"
    """Merged work is to be taken back."""
    APPROVE_START = "approve_start"
    """The person who started the run wants to be asked before it, or each of its sprints, begins."""
    APPROVE_SPRINT = "approve_sprint"
    """The same at the end of each sprint."""
    CONFIRM_READING = "confirm_reading"
    """The plan can be read in more than one way, and the run is to follow one of them."""
    CUT_SCOPE = "cut_scope"
    """The sprint will be late, and stories may be left out of it."""
    EXTRA_WORK = "extra_work"
    """The sprint is ahead, and more could be done in it."""
    REPLACE_AGENT = "replace_agent"
    """An agent is lost, and no other of the run can take its stories by the rules."""
    CARRY_OVER = "carry_over"
    """A sprint ended with stories that did not succeed, and there is another one."""
    MEASURE_METRICS = "measure_metrics"
    """A sprint ended, and nothing measured some metrics and success criteria of the plan."""


class Decision(StrEnum):
    """What a person may say. What the first three mean depends on the question's kind; `MEANING` says it."""

    APPROVE = "approve"
    AMEND = "amend"
    REJECT = "reject"
    CHOOSE = "choose"
    """One or several of the question's options, each of which says what it means."""


MEANING: dict[QuestionKind, dict[Decision, str]] = {
    QuestionKind.APPROVE_MERGE: {
        Decision.APPROVE: "merge it",
        Decision.AMEND: "try again with this text",
        Decision.REJECT: "end the story without a merge",
    },
    QuestionKind.CONFIRM_CRITERIA: {
        Decision.APPROVE: "all of them are met; merge it",
        Decision.AMEND: "try again with this text",
        Decision.REJECT: "end the story without a merge",
    },
    QuestionKind.CONFIRM_READY: {
        Decision.APPROVE: "all of it holds; start the sprint",
        Decision.AMEND: "start although not all of it holds, for this reason",
        Decision.REJECT: "leave the sprint out",
    },
    QuestionKind.CONFIRM_DONE: {
        Decision.APPROVE: "all of it holds; the sprint is done",
        Decision.AMEND: "take it as done although not all of it holds, for this reason",
        Decision.REJECT: "it is not done; end the run here",
    },
    QuestionKind.ANSWER_AGENT: {
        Decision.APPROVE: "go on as the agent proposed",
        Decision.AMEND: "go on with this text",
        Decision.REJECT: "end the story without a merge",
    },
    QuestionKind.TAKE_OVER: {
        Decision.APPROVE: "try once more",
        Decision.AMEND: "try once more with this text",
        Decision.REJECT: "end the story as failed",
    },
    QuestionKind.LANDING_BLOCKED: {
        Decision.APPROVE: "try to merge it again",
        Decision.AMEND: "try to merge it again",
        Decision.REJECT: "end the story without a merge",
    },
    QuestionKind.RESOLVE_CONFLICT: {
        Decision.APPROVE: "try to resolve it once more",
        Decision.AMEND: "try once more with this text",
        Decision.REJECT: "end the story without a merge",
    },
    QuestionKind.CONFIRM_FOREIGN_EDIT: {
        Decision.APPROVE: "it may change them",
        Decision.AMEND: "it may change them, with this note to the agent",
        Decision.REJECT: "end the story without a merge",
    },
    QuestionKind.CONFIRM_GROWTH: {
        Decision.APPROVE: "it may have them",
        Decision.AMEND: "it may have them, with this note to the agent",
        Decision.REJECT: "end the story without a merge",
    },
    QuestionKind.HUMAN_STORY: {
        Decision.APPROVE: "the story is done",
        Decision.AMEND: "the story is done, with this note",
        Decision.REJECT: "the story will not be done",
    },
    QuestionKind.START_OPTIONAL_SPRINT: {
        Decision.APPROVE: "start the sprint",
        Decision.AMEND: "start the sprint, with this note",
        Decision.REJECT: "leave the sprint out",
    },
    QuestionKind.CONFIRM_ROLLBACK: {
        Decision.APPROVE: "roll it back, with the stories that build on it",
        Decision.AMEND: "roll back only what was named and leave the others, for this reason",
        Decision.REJECT: "leave all as it is",
    },
    QuestionKind.APPROVE_START: {
        Decision.APPROVE: "start",
        Decision.AMEND: "start, with this note",
        Decision.REJECT: "leave it out; its stories are skipped",
    },
    QuestionKind.APPROVE_SPRINT: {
        Decision.APPROVE: "the sprint is accepted; go on",
        Decision.AMEND: "go on, with this note",
        Decision.REJECT: "it is not accepted; end the run here",
    },
    QuestionKind.CONFIRM_READING: {
        Decision.APPROVE: "it was read as it is meant; start",
        Decision.AMEND: "start although not all of it was, for this reason",
        Decision.REJECT: "it is meant otherwise; its stories are skipped",
    },
    QuestionKind.CUT_SCOPE: {
        Decision.APPROVE: "do all that is proposed",
        Decision.AMEND: "cut nothing, for this reason",
        Decision.REJECT: "cut nothing",
    },
    QuestionKind.EXTRA_WORK: {
        Decision.APPROVE: "do all that is proposed",
        Decision.AMEND: "do nothing more, for this reason",
        Decision.REJECT: "do nothing more",
    },
    QuestionKind.REPLACE_AGENT: {
        Decision.APPROVE: "wait for the agent; its stories stay with it",
        Decision.AMEND: "give them to the agent that this text names",
        Decision.REJECT: "skip them",
    },
    QuestionKind.CARRY_OVER: {
        Decision.APPROVE: "carry all of them over",
        Decision.AMEND: "carry all of them over, with this note",
        Decision.REJECT: "leave them where they are",
    },
    QuestionKind.MEASURE_METRICS: {
        Decision.APPROVE: "all of them are met",
        Decision.AMEND: "these are their values and verdicts, a line each",
        Decision.REJECT: "nobody can say it now; they stay unknown",
    },
}


class Option(Model):
    """One of the things that a person may choose."""

    name: str = Field(min_length=1, max_length=200)
    """What is chosen by: a number, or the id of a story."""
    text: str = Field(default="", max_length=2000)
    """What it means, in a sentence."""


class Answer(Model):
    """A person's answer. `text` reaches the next attempt word for word."""

    question: str
    decision: Decision
    text: str = Field(default="", max_length=20_000)
    actor: str = Field(default="unknown", min_length=1, max_length=200)
    chosen: list[str] = Field(default_factory=list[str], max_length=1000)
    """Names of options, with `choose`."""


class AnswerReceipt(Model):
    """What the first answer was, and whether the one just given is it."""

    question: str
    accepted: bool
    decision: Decision
    actor: str
    chosen: list[str] = Field(default_factory=list[str])


class Question(Model):
    """A question as people see it; open while `answer` is None."""

    id: str
    kind: QuestionKind
    project: str
    workflow_id: str
    story: str | None = None
    text: str
    context: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Small facts and references: branch, commit, diff statistics, evidence, failure codes."""
    options: list[Option] = Field(default_factory=list[Option])
    """What can be chosen; empty where only the three decisions apply."""
    waits_for_it: list[str] = Field(default_factory=list[str])
    """Ids of stories that cannot go on before it is answered: the first 200 of `waiting`."""
    waiting: int = 0
    """How many stories cannot go on before it is answered."""
    asked_at: datetime
    deadline: datetime | None = None
    """When the next in `escalation` is told, or it is overdue; None: never."""
    escalation: list[str] = Field(default_factory=list[str])
    """Who is told one after the other, while nobody answers."""
    escalated: int = 0
    """How many of them were told."""
    reminders: int = 0
    overdue: bool = False
    """Everybody was told and nobody answered; it waits all the same."""
    state: Literal["open", "answered", "withdrawn"] = "open"
    answer: Answer | None = None
    answered_at: datetime | None = None
