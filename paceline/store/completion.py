"""What the database says of a run's completion, read at one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sqlalchemy.orm import Session

from paceline.domain.aims import aims_of
from paceline.domain.changes import changed_plan
from paceline.domain.completion import CompletionCheck, CompletionFacts, check_completion
from paceline.domain.events import Event, EventDraft, EventType
from paceline.domain.exchange import Completion, PartDone
from paceline.domain.gates import Gate, gate_items
from paceline.domain.measurements import AimState, aim_states
from paceline.domain.pauses import SAYING, STEERED, pauses_of
from paceline.domain.plan import Plan
from paceline.domain.questions import Decision, Question, QuestionKind
from paceline.domain.run_end import ENDING_KINDS
from paceline.domain.stands import StandGroup, Stands
from paceline.domain.states import FINAL_STATES, SUCCESS_STATES, RunState, StoryState
from paceline.domain.status import CompletionOptions, Pause
from paceline.domain.steering import SteerAction, SteerScope
from paceline.store import changes, events, questions, status
from paceline.store.measurements import measurements_of
from paceline.store.runs import get_run
from paceline.store.stands import percent_done, story_stands

_UNTOUCHED = frozenset({StoryState.SKIPPED, StoryState.PENDING})


def look(session: Session, project: str, options: CompletionOptions | None = None) -> CompletionCheck:
    """Whether a run is complete now; nothing is written.

    Args:
        session: of a transaction.
        project: id of the run.
        options: criteria instead of the run's own.

    Raises:
        NotFound: there is no such run.
    """
    return _look(session, project, story_stands(session, project), options)


def overview(session: Session, project: str) -> Completion:
    """How far a run, each of its epics and each of its sprints is, and what is missing.

    Raises:
        NotFound: there is no such run.
    """
    run, stands = get_run(session, project), story_stands(session, project)
    check = _look(session, project, stands)
    ended = events.event_of(session, project, status.end_key(project)) if run.ended_at is not None else None
    counts = Counter[StoryState]()
    for group in stands.groups:
        counts[group.state] += len(group.ids)
    return Completion(
        project=project,
        state=run.state,
        complete=check.complete,
        percent=percent_done(counts),
        counts=dict(counts),
        removed=stands.removed,
        end_reason=None if ended is None else ended.data.get("reason"),
        epics=_parts((group.epic or "", group) for group in stands.groups),
        sprints=_parts((group.sprint, group) for group in stands.groups),
        criteria=check.criteria,
        next_steps=check.next_steps,
    )


def _parts(groups: Iterable[tuple[str, StandGroup]]) -> dict[str, PartDone]:
    parts: dict[str, PartDone] = {}
    for name, group in groups:
        part = parts.setdefault(name, PartDone(succeeded=0, ended=0, total=0))
        count = len(group.ids)
        part.total += count
        part.ended += count * (group.state in FINAL_STATES)
        part.succeeded += count * (group.state in SUCCESS_STATES)
    return parts


def _look(
    session: Session, project: str, stories: Stands, options: CompletionOptions | None = None
) -> CompletionCheck:
    run, plan, changed = changes.run_in_force(session, project)
    plan = changed_plan(plan, changed)
    criteria = options or run.options.completion or CompletionOptions()
    ended = options is None and run.state is not RunState.RUNNING
    end = events.event_of(session, project, status.end_key(project)) if ended else None
    facts = CompletionFacts(
        project=project,
        plan=plan,
        stories=stories,
        questions=questions.list_questions(session, project),
        gates=_gates(session, project, plan, stories),
        running=run.state is RunState.RUNNING,
        ended=run.state if ended else None,
        end_reason="" if end is None else str(end.data.get("reason", "")),
        forced=end is not None and "forced_by" in end.data,
        pauses=_pauses(session, project, stories) if run.state is RunState.RUNNING else [],
        aims=_aims(session, project, plan, stories) if criteria.metrics else [],
    )
    return check_completion(facts, criteria)


def check(
    session: Session, project: str, options: CompletionOptions | None, actor: str, key: str
) -> CompletionCheck:
    """The same, and the log says that somebody looked, and what was found.

    Args:
        session, project, options: as for `look`.
        actor: who asks.
        key: of the event; a second look with the same key leaves none.
    """
    found = look(session, project, options)
    draft = EventDraft(
        key=f"{project}#completion#{key}",
        type=EventType.WORKFLOW_EVENT,
        name="completion.checked",
        actor=actor,
        data={
            "complete": found.complete,
            "criteria": {criterion.name: criterion.met for criterion in found.criteria},
            "missing": sum(len(criterion.missing) for criterion in found.criteria),
        },
    )
    events.append_events(session, project, [draft])
    return found


def refusal(session: Session, project: str, known: str = "") -> Question | None:
    """The question by whose answer a person ended a run, such as that a sprint is not accepted.

    Args:
        session: of a transaction.
        project: id of the run.
        known: its id, where the run's workflow says it.
    """
    if known and questions.is_known(session, known):
        return questions.get_question(session, known)
    return next(
        (
            questions.get_question(session, str(event.data["question"]))
            for event in _told(session, project)
            if event.name == "question.answered"
            and event.data["kind"] in ENDING_KINDS
            and event.data["decision"] == Decision.REJECT
        ),
        None,
    )


def ended_by(session: Session, project: str, action: SteerAction) -> tuple[str, str]:
    """Who ended a run by an action, and why; empty where nobody did."""
    for event in events.events_named(session, project, (STEERED,)):
        if event.data.get("scope") == SteerScope.PROJECT and event.data["action"] == action:
            return event.actor, str(event.data.get("reason", ""))
    return "", ""


def _gates(session: Session, project: str, plan: Plan, stories: Stands) -> dict[str, bool | None]:
    """The definitions of done that count, by sprint: not of one that was left out or has not begun."""
    worked = {group.sprint for group in stories.groups if group.state not in _UNTOUCHED}
    held = dict[str, bool | None]()
    asked = ""
    for event in _told(session, project):
        if event.name == "gate.checked" and event.data["gate"] == Gate.DONE:
            asked = str(event.data["sprint"])
            if not event.data["failed"] and not event.data["open"]:
                held[asked] = True
        elif event.name == "question.answered" and event.data["kind"] == QuestionKind.CONFIRM_DONE:
            held[asked] = event.data["decision"] != Decision.REJECT
    counted = [sprint.id for sprint in plan.sprints if sprint.id in worked]
    return {sprint: held.get(sprint) for sprint in counted if gate_items(plan, sprint, Gate.DONE)}


def _aims(session: Session, project: str, plan: Plan, stories: Stands) -> list[AimState]:
    worked = {group.sprint for group in stories.groups if group.state not in _UNTOUCHED}
    states = aim_states(aims_of(plan), measurements_of(session, project))
    return [each for each in states if each.sprint is None or each.sprint in worked]


def _pauses(session: Session, project: str, stories: Stands) -> list[Pause]:
    said = events.events_named(session, project, SAYING)
    return pauses_of(said, stories) if said else []


def _told(session: Session, project: str) -> Iterable[Event]:
    return events.events_named(session, project, ("gate.checked", "question.answered"))
