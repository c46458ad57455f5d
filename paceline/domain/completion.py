"""When a run is complete: criteria that a team chooses, looked at from the log, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from paceline.domain.aims import Verdict
from paceline.domain.measurements import AimState
from paceline.domain.model import Model
from paceline.domain.plan import Plan
from paceline.domain.questions import Question
from paceline.domain.states import SUCCESS_STATES, StoryState
from paceline.domain.status import CompletionOptions, StoryStatus

STEPS_SHOWN = 50
"""Next steps that are told; what is left over is counted."""
_S = StoryState


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
    stories: Sequence[StoryStatus]
    questions: Sequence[Question]
    """Those that are open."""
    gates: Mapping[str, bool | None]
    """Sprint to whether its definition of done was proven or confirmed; None: nobody said it yet."""
    running: bool = True
    aims: Sequence[AimState] = ()
    """Metrics, and the success criteria of the sprints that were worked on."""


def check_completion(facts: CompletionFacts, options: CompletionOptions) -> CompletionCheck:
    """Look at every criterion that counts.

    Args:
        facts: where the run stands.
        options: which criteria count.
    """
    by_id = {question.id: question for question in facts.questions}
    criteria: list[CriterionState] = []
    steps: list[str] = []
    wanted = _wanted(facts, options)
    if wanted is not None:
        name, stories, unknown = wanted
        lacking = [story for story in stories if story.state not in SUCCESS_STATES]
        criteria.append(_criterion(name, [*(story.id for story in lacking), *unknown]))
        steps += [_step(facts, story) for story in lacking]
        steps += [f"{each} is required but not in the plan: amend either." for each in unknown]
    if options.no_open_questions:
        criteria.append(_criterion("no_open_questions", by_id))
    steps += [f"Answer {each.id}: {_line(each.text)}" for each in facts.questions]
    if options.definition_of_done:
        open_gates = [sprint for sprint, holds in facts.gates.items() if not holds]
        criteria.append(_criterion("definition_of_done", open_gates))
        steps += [_gate_step(sprint, facts.gates[sprint]) for sprint in open_gates]
    if options.metrics:
        lacking = [aim for aim in facts.aims if aim.verdict is not Verdict.MET]
        criteria.append(_criterion("metrics", [aim.name for aim in lacking]))
        steps += [_aim_step(facts, aim) for aim in lacking]
    complete = all(criterion.met for criterion in criteria)
    return CompletionCheck(
        project=facts.project,
        complete=complete,
        criteria=criteria,
        next_steps=[] if complete else _bounded(steps),
    )


def _wanted(
    facts: CompletionFacts, options: CompletionOptions
) -> tuple[str, list[StoryStatus], list[str]] | None:
    """The stories that must have succeeded, and what is required but unknown."""
    if not options.require:
        return ("stories", list(facts.stories), []) if options.stories else None
    named = set(options.require)
    stories = [story for story in facts.stories if options.stories or {story.id, story.epic} & named]
    known = {story.id for story in facts.stories} | {story.epic for story in facts.stories}
    unknown = [each for each in options.require if each not in known]
    return ("stories" if options.stories else "required"), stories, unknown


def _criterion(name: str, missing: Iterable[str]) -> CriterionState:
    lacking = list(missing)
    return CriterionState(name=name, met=not lacking, missing=lacking)


def _step(facts: CompletionFacts, story: StoryStatus) -> str:
    """What brings one story further."""
    why = f" ({_line(story.reason)})" if story.reason else ""
    stands = f"{story.id} is {story.state.value.replace('_', ' ')}{why}"
    if story.state is _S.BLOCKED:
        return f"{stands}: it goes on when what it waits for has succeeded."
    if story.state is _S.REVERTED:
        return f"{stands}: `paceline rollback {facts.project} --undo` brings it back."
    if not facts.running:
        return f"{stands}: the run has ended; start its plan again with `--rerun`."
    if story.state in (_S.FAILED, _S.CANCELLED):
        return f"{stands}: `paceline retry {facts.project} --story {_quoted(story.id)}`, or skip it."
    if story.state is _S.PAUSED:
        return f"{stands}: `paceline resume {facts.project} --story {_quoted(story.id)}`."
    return f"{stands}: wait for it."


def _quoted(id: str) -> str:
    return id if id.replace(".", "").replace("-", "").isalnum() else f'"{id}"'


def _gate_step(sprint: str, holds: bool | None) -> str:
    if holds is None:
        return f"Nobody has confirmed the definition of done of {sprint}."
    return f"The definition of done of {sprint} does not hold, a person says."


def _aim_step(facts: CompletionFacts, aim: AimState) -> str:
    if aim.verdict is Verdict.MISSED:
        return f"{_line(aim.name)} is missed: {_line(aim.reason or aim.actual)}."
    how = f"`paceline measure {facts.project} {aim.number} VALUE` says it"
    return f"Nobody knows whether {_line(aim.name)} is met: {how}."


def _line(text: str | None) -> str:
    return " ".join((text or "").split())[:200]


def _bounded(steps: list[str]) -> list[str]:
    more = len(steps) - STEPS_SHOWN
    return [*steps[:STEPS_SHOWN], f"And {more} more."] if more > 0 else steps
