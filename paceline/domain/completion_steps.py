"""What is to be done for a run to be complete, one sentence for each thing that is missing."""

from __future__ import annotations

from collections.abc import Sequence

from paceline.domain.aims import Verdict
from paceline.domain.measurements import AimState
from paceline.domain.questions import Question, QuestionKind
from paceline.domain.stands import Standing
from paceline.domain.states import FINAL_STATES, StoryState
from paceline.domain.status import Pause
from paceline.domain.steering import SteerScope
from paceline.domain.texts import short

TEXT_SHOWN = 200
"""Characters of a question, a reason or a name; the rest is left out."""
AGAIN = "start its plan again with `--rerun`"
_S = StoryState
_FLAGS = {SteerScope.SPRINT: "--sprint", SteerScope.EPIC: "--epic", SteerScope.STORY: "--story"}


def story_step(
    project: str,
    story: Standing,
    questions: Sequence[Question],
    pauses: Sequence[Pause],
    *,
    running: bool,
    over: bool,
) -> str:
    """What brings one story further.

    Args:
        project: id of the run.
        story: one that has not succeeded.
        questions: those that are open.
        pauses: what is paused now.
        running: whether the run goes on.
        over: whether all stories of its epic in its sprint have ended.
    """
    why = f" ({_line(story.reason)})" if story.reason else ""
    return f"{story.id} is {story.state.value.replace('_', ' ')}{why}: " + (
        _of_running(project, story, questions, pauses, over) if running else _of_ended(project, story)
    )


def _of_ended(project: str, story: Standing) -> str:
    if story.state is _S.REVERTED:
        return _undo(project)
    return f"the run has ended; {AGAIN}."


def _of_running(
    project: str,
    story: Standing,
    questions: Sequence[Question],
    pauses: Sequence[Pause],
    over: bool,
) -> str:
    if story.state is _S.REVERTED:
        return _undo(project)
    asked = next((each for each in questions if _is_about(each, story)), None)
    if asked is not None:
        return f"answer {asked.id} with `{answering(asked)}`."
    if story.state in FINAL_STATES:
        return _of_ended_story(project, story, over)
    held = next((pause for pause in pauses if _holds(pause, story)), None)
    if held is not None:
        return f"`{_resuming(project, held)}` lets it go on."
    if story.state is _S.PAUSED:
        return f"`paceline resume {project} --story {_quoted(story.id)}` lets it go on."
    return "wait for it."


def _of_ended_story(project: str, story: Standing, over: bool) -> str:
    if story.state is _S.PART_DONE:
        return "its next part begins in a later sprint."
    if over:
        return (
            f"its epic has ended in {story.sprint}, so that nothing there starts again; carry it over where "
            f"that is asked, or {AGAIN} when the run has ended."
        )
    if story.state is _S.BLOCKED:
        return "it goes on when what it waits for has succeeded."
    return f"`paceline retry {project} --story {_quoted(story.id)}`, or skip it."


def _is_about(question: Question, story: Standing) -> bool:
    """Whether its answer is what the story needs."""
    if question.kind is QuestionKind.CARRY_OVER:
        return any(option.name == story.id for option in question.options)
    return story.state is _S.WAITING_FOR_PERSON and question.story == story.id


def _holds(pause: Pause, story: Standing) -> bool:
    if pause.scope is SteerScope.PROJECT:
        return True
    if pause.scope is SteerScope.SPRINT:
        return pause.target == story.sprint
    if pause.scope is SteerScope.EPIC:
        return (pause.sprint, pause.target) == (story.sprint, story.epic or "Backlog")
    return pause.target == story.id


def _resuming(project: str, pause: Pause) -> str:
    command = f"paceline resume {project}"
    if pause.scope is SteerScope.EPIC:
        command += f" --sprint {_quoted(pause.sprint)}"
    flag = _FLAGS.get(pause.scope)
    return f"{command} {flag} {_quoted(pause.target)}" if flag else command


def _undo(project: str) -> str:
    return f"`paceline rollback {project} --undo` brings it back."


def question_step(question: Question) -> str:
    """That a question is to be answered, how, and what it asks."""
    return f"Answer {question.id} with `{answering(question)}`: {_line(question.text)}"


def answering(question: Question) -> str:
    """The command that answers a question, but for what is said."""
    return f"paceline answer {question.id} ..."


def required_step(required: str) -> str:
    """That the criteria name something that the plan does not have."""
    return f"{required} is required but not in the plan: amend either."


def gate_step(sprint: str, holds: bool | None) -> str:
    """What a definition of done lacks."""
    if holds is None:
        return f"Nobody has confirmed the definition of done of {sprint}."
    return f"The definition of done of {sprint} does not hold, a person says."


def aim_step(project: str, aim: AimState) -> str:
    """What a metric or a success criterion lacks."""
    if aim.verdict is Verdict.MISSED:
        return f"{_line(aim.name)} is missed: {_line(aim.reason or aim.actual)}."
    how = f"`paceline measure {project} {aim.number} VALUE` says it"
    return f"Nobody knows whether {_line(aim.name)} is met: {how}."


def end_step(state: str, reason: str) -> str:
    """That a run has ended so, and why."""
    because = f" because {reason}" if reason else ""
    return f"The run ended as {state}{because.rstrip('.')}: {AGAIN}."


def _quoted(id: str) -> str:
    return id if id.replace(".", "").replace("-", "").isalnum() else f'"{id}"'


def _line(text: str | None) -> str:
    return short(text or "", TEXT_SHOWN)
