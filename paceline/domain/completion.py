"""When a run is complete: criteria that a team chooses, looked at from the log, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import Field

from paceline.domain.aims import Verdict
from paceline.domain.completion_steps import (
    aim_step,
    end_step,
    gate_step,
    question_step,
    required_step,
    story_step,
)
from paceline.domain.measurements import AimState
from paceline.domain.model import Model
from paceline.domain.plan import Plan
from paceline.domain.questions import Question, QuestionKind
from paceline.domain.stands import Standing, Stands
from paceline.domain.states import RunState
from paceline.domain.status import CompletionOptions, Pause

STEPS_SHOWN = 50
"""Next steps that are told; what is left over is counted."""


class CriterionState(Model):
    """One criterion, and what it still lacks."""

    name: str
    met: bool
    missing: list[str] = Field(default_factory=list[str])
    """Ids of stories and questions, or names of sprints, metrics and success criteria."""


class CompletionCheck(Model):
    """Whether a run is complete by its criteria, and what is to be done for it to be."""

    project: str
    complete: bool
    criteria: list[CriterionState]
    next_steps: list[str]


@dataclass(frozen=True)
class CompletionFacts:
    """What the database says of a run at one moment."""

    project: str
    plan: Plan
    stories: Stands
    questions: Sequence[Question]
    """Those that are open."""
    gates: Mapping[str, bool | None]
    """Sprint to whether its definition of done was proven or confirmed; None: nobody said it yet."""
    running: bool = True
    aims: Sequence[AimState] = ()
    """Metrics, and the success criteria of the sprints that were worked on."""
    pauses: Sequence[Pause] = ()
    """What is paused now."""
    ended: RunState | None = None
    """How the run ended; None: it goes on, or other criteria than its own are looked at."""
    end_reason: str = ""
    """Why it ended so."""
    forced: bool = False
    """A person said that it is complete, whatever the criteria."""


def check_completion(facts: CompletionFacts, options: CompletionOptions) -> CompletionCheck:
    """Look at every criterion that counts.

    Args:
        facts: where the run stands.
        options: which criteria count.
    """
    criteria: list[CriterionState] = []
    steps: list[Callable[[], str]] = []
    if facts.ended not in (None, RunState.COMPLETED):
        criteria.append(_criterion("end", [facts.end_reason or f"the run ended as {facts.ended.value}"]))
        steps.append(partial(end_step, facts.ended.value, facts.end_reason))
    counted = 0
    if options.stories or options.require:
        named = None if options.stories else set(options.require)
        ids, first = facts.stories.lacking(named, STEPS_SHOWN)
        unknown = [each for each in options.require if each not in facts.stories.names]
        criteria.append(_criterion("stories" if options.stories else "required", [*ids, *unknown]))
        steps += [partial(_step, facts, story) for story in first]
        counted = len(ids) - len(first)
        steps += [partial(required_step, each) for each in unknown]
    asked = [each for each in facts.questions if not _is_beside(each)]
    if options.no_open_questions:
        criteria.append(_criterion("no_open_questions", [each.id for each in asked]))
    steps += [partial(question_step, each) for each in asked]
    if options.definition_of_done:
        open_gates = [sprint for sprint, holds in facts.gates.items() if not holds]
        criteria.append(_criterion("definition_of_done", open_gates))
        steps += [partial(gate_step, sprint, facts.gates[sprint]) for sprint in open_gates]
    if options.metrics:
        lacking = [aim for aim in facts.aims if aim.verdict is not Verdict.MET]
        criteria.append(_criterion("metrics", [aim.name for aim in lacking]))
        steps += [partial(aim_step, facts.project, aim) for aim in lacking]
    complete = facts.forced or all(criterion.met for criterion in criteria)
    return CompletionCheck(
        project=facts.project,
        complete=complete,
        criteria=criteria,
        next_steps=[] if complete else _bounded(steps, counted),
    )


def _criterion(name: str, missing: Iterable[str]) -> CriterionState:
    lacking = list(missing)
    return CriterionState(name=name, met=not lacking, missing=lacking)


def _step(facts: CompletionFacts, story: Standing) -> str:
    over = facts.stories.has_ended(story.sprint, story.epic)
    return story_step(facts.project, story, facts.questions, facts.pauses, running=facts.running, over=over)


def _is_beside(question: Question) -> bool:
    """Whether nothing waits for its answer, and it may stay when the run has ended."""
    return question.kind is QuestionKind.MEASURE_METRICS and not question.waiting


def _bounded(steps: Sequence[Callable[[], str]], counted: int) -> list[str]:
    """The first ones in words; of a run of thousands of stories, most are only counted."""
    shown, more = [say() for say in steps[:STEPS_SHOWN]], len(steps) + counted - STEPS_SHOWN
    return [*shown, f"And {more} more."] if more > 0 else shown
