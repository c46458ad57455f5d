"""Lost agents: writing down who is away, and finding out who does their stories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from sqlalchemy.orm import Session
from temporalio import activity

from activities.away import keep_those_away, who_is_away
from activities.context import ActivityContext, RunContext, run_now
from paceline.contracts import Done
from paceline.domain import ids
from paceline.domain.absence_steps import MOST_MOVED, AbsenceInput, AbsencePlan, AbsenceStep, Move
from paceline.domain.changes import ChangeDraft, ChangeKind, RunChange
from paceline.domain.claims import Grant
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Story
from paceline.domain.questions import QuestionKind
from paceline.domain.replacing import Replacement, Team, able, replaced, replacement
from paceline.domain.states import FINAL_STATES, RunState, StoryState
from paceline.domain.status import LostAgents, StoryStatus
from paceline.domain.work import AgentDeclaration
from paceline.store import changes, events, questions, status, steering

_SHOWN = 40
_UNSTARTED = (StoryState.PENDING, StoryState.CLAIMING, StoryState.WORKING, StoryState.PAUSED)
"""States in which a story goes on with another agent; what is being landed comes to its end without one."""
_TAKEN_OVER = (QuestionKind.TAKE_OVER, QuestionKind.ANSWER_AGENT)
"""Questions that another agent makes needless."""


class AbsenceActivities:
    """What the workflow of an absence does."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="note-absence")
    async def note_absence(self, absence: AbsenceInput) -> AbsencePlan:
        """Write down that an agent is lost, or there again; twice is once."""
        revision, grants = await self._context.database.write(_note, absence)
        await self._context.tell(grants)
        own = ids.absence_workflow_id(absence.project, absence.agent, absence.id)
        for other in await self._context.database.read(_asking, absence.project):
            if other != own:
                await self._context.wake(other)
        return AbsencePlan(revision=revision)

    @activity.defn(name="find-replacements")
    async def find_replacements(self, step: AbsenceStep) -> AbsencePlan:
        """Say which stories go to whom; those of sprints that have not begun are moved at once."""
        run = await self._context.newest(step.project)
        begun = await self._begun(run)
        return await self._context.database.write(_look, run, step, begun)

    @activity.defn(name="withdraw-beside")
    async def withdraw_beside(self, workflow: str) -> Done:
        """Take back what a workflow beside a run asked, because nobody needs the answer any more."""
        await self._context.database.write(questions.withdraw_questions, workflow)
        return Done()

    async def _begun(self, run: RunContext) -> frozenset[str]:
        """The sprints that have a workflow."""
        names = {sprint.id: ids.sprint_workflow_id(run.run.id, sprint.id) for sprint in run.plan.sprints}
        found = [key for key, name in names.items() if await self._context.execution_status(name) is not None]
        return frozenset(found)


def team_of(run: RunContext, absent: Collection[str], rows: Collection[StoryStatus]) -> Team:
    """The agents of a run as the rules see them.

    Args:
        run: as it is in force.
        absent: who is away.
        rows: where its stories stand.
    """
    options = run.run.options
    declared: dict[str, AgentDeclaration] = {**options.spare, **options.agents}
    for story in run.plan.stories:
        for name in story.agents:
            if name not in declared and "*" in declared:
                declared[name] = declared["*"]
    declared.pop("*", None)
    load = Counter(name for row in rows if row.state not in FINAL_STATES for name in row.agents)
    coordinators = {agent.id for agent in run.plan.agents if agent.coordinator}
    spare = frozenset(options.spare) - frozenset(options.agents) - coordinators
    return Team(run.plan, declared, spare, frozenset(absent), load)


def write_absence(session: Session, absence: AbsenceInput) -> int:
    """Record who is away or there again, and tell of it; twice is once.

    Args:
        session: in a write transaction.
        absence: what was said or found. Of two about one agent the one that was recorded later holds.

    Returns:
        The newest revision of the run.
    """
    change = ChangeDraft(
        key=_key(absence),
        kind=ChangeKind.AWAY,
        target=absence.agent,
        text=absence.until.isoformat() if absence.until else "",
        names=[absence.reason],
        number=0 if absence.back else 2 if absence.wait else 1,
        actor=absence.actor,
        reason=absence.note,
    )
    revision = changes.record_changes(session, absence.project, [change])
    name = "agent.back" if absence.back else "agent.away"
    told = EventDraft(
        key=_key(absence),
        type=EventType.WORKFLOW_EVENT,
        name=name,
        actor=absence.actor,
        data={
            "agent": absence.agent,
            "why": absence.reason,
            "until": absence.until.isoformat() if absence.until else None,
            "note": absence.note,
        },
    )
    events.append_events(session, absence.project, [told])
    return revision


def written_absence(change: RunChange) -> AbsenceInput:
    """What was recorded by `write_absence`, as the workflow of that absence is given it."""
    return AbsenceInput.model_validate(
        {
            "id": change.key.removeprefix(_key_of(change.target, "")),
            "project": change.project,
            "agent": change.target,
            "reason": change.names[0],
            "back": change.number == 0,
            "wait": change.number == 2,
            "until": change.text or None,
            "actor": change.actor,
            "note": change.reason,
        }
    )


def _note(session: Session, absence: AbsenceInput) -> tuple[int, list[Grant]]:
    revision = write_absence(session, absence)
    return revision, keep_those_away(session, absence.project)


def wait_for_agent(session: Session, project: str, workflow: str, actor: str, note: str) -> None:
    """Write down that a lost agent's stories wait for it, as a person answered; twice is once.

    Nothing where the agent is there again, or another word about it was said since.

    Args:
        session: in a write transaction.
        project: the run.
        workflow: of the absence, which asked.
        actor: who answered.
        note: what they said.
    """
    said = changes.changes_of(session, project, ChangeKind.AWAY)
    for agent, change in who_is_away(session, project, said).items():
        absence = written_absence(change)
        if absence.wait or ids.absence_workflow_id(project, agent, absence.id) != workflow:
            continue
        said = {"id": f"waits-{ids.short_digest(change.key)}", "wait": True, "actor": actor}
        write_absence(session, absence.model_copy(update={**said, "note": note[:2000] or absence.note}))
        keep_those_away(session, project)


def _key(absence: AbsenceInput) -> str:
    return _key_of(absence.agent, absence.id)


def _key_of(agent: str, absence_id: str) -> str:
    return f"absence#{agent}#{absence_id}"


def _asking(session: Session, project: str) -> list[str]:
    """Workflows that ask who does the stories of another agent; whom they offer may have changed."""
    asked = questions.list_questions(session, project, limit=10_000)
    return [each.workflow_id for each in asked if each.kind is QuestionKind.REPLACE_AGENT]


def _look(session: Session, run: RunContext, step: AbsenceStep, begun: frozenset[str]) -> AbsencePlan:
    """Nothing is left of a question that asks of other stories, or offers others: it is taken back then."""
    found = _find(session, run, step, begun)
    for asked in questions.list_questions(session, step.project, limit=10_000):
        if asked.workflow_id != step.workflow or found.over or found.moves:
            continue
        if [each.name for each in asked.options] != found.could or not asked.text.endswith(found.question):
            return found.model_copy(update={"left": []})
    return found


def _find(session: Session, run: RunContext, step: AbsenceStep, begun: frozenset[str]) -> AbsencePlan:
    absence = step.absence
    _tell_moved(session, step, step.moved)
    run = run_now(session, step.project, run.scope)
    started = run.run
    away = who_is_away(session, step.project, run.changes)
    mine = away.get(absence.agent)
    if started.state is not RunState.RUNNING or mine is None or mine.key != _key(absence):
        return AbsencePlan(over=True, revision=run.revision)
    if absence.wait or started.options.lost_agents is LostAgents.WAIT:
        return AbsencePlan(revision=run.revision)
    rows = {row.id: row for row in status.story_statuses(session, step.project)}
    team = team_of(run, away, list(rows.values()))
    stories = _concerned(session, run, step, rows, begun)
    refused = _unable(team, step, stories)
    if refused:
        return AbsencePlan(
            revision=run.revision,
            refused=refused,
            left=[_left(run, step, each, rows[each.id], begun) for each in stories[:MOST_MOVED]],
            question=_question(step, stories, refused),
            could=_could(team, step, stories),
        )
    moves: list[Move] = []
    direct: list[Move] = []
    left: list[Story] = []
    for story in stories:
        found = _who(team, step, story)
        if found is None:
            left.append(story)
        else:
            # Who has got a story has more to do than before.
            team = _loaded(team, found.agent)
            move = _move(run, step, story, rows[story.id], found)
            (moves if run.sprint_of(story) in begun else direct).append(move)
    revision = _move_at_once(session, step, direct) if direct else run.revision
    return AbsencePlan(
        revision=revision,
        moves=moves[:MOST_MOVED],
        left=[_left(run, step, each, rows[each.id], begun) for each in left[:MOST_MOVED]],
        question=_question(step, left, "") if left else "",
        could=_could(team, step, left),
    )


def _concerned(
    session: Session,
    run: RunContext,
    step: AbsenceStep,
    rows: dict[str, StoryStatus],
    begun: frozenset[str],
) -> list[Story]:
    """The agent's stories that another could go on with; of a short absence only those of now."""
    asked = questions.list_questions(session, step.project, limit=10_000)
    free = {each.story for each in asked if each.kind in _TAKEN_OVER}
    return [
        story
        for story in run.plan.stories
        if step.absence.agent in story.agents
        and story.id in rows
        and (rows[story.id].state in _UNSTARTED or (_waits(rows[story.id]) and story.id in free))
        and (step.absence.until is None or run.sprint_of(story) in begun)
    ]


def _waits(row: StoryStatus) -> bool:
    return row.state is StoryState.WAITING_FOR_PERSON


def _unable(team: Team, step: AbsenceStep, stories: list[Story]) -> str:
    """Why the agent that a person named cannot take them; empty where it can, or none was named."""
    if not step.by:
        return ""
    for story in stories:
        others = able(team, step.absence.agent, story) if step.absence.agent in team.declared else []
        if step.by not in others:
            named = f"it could be {', '.join(others[:20])}" if others else "no other agent of the run can"
            return f"{step.by[:200]} cannot do {story.id}: {named}."
    return ""


def _could(team: Team, step: AbsenceStep, stories: list[Story]) -> list[str]:
    """Who a person may choose for all of these stories."""
    if step.absence.agent not in team.declared or not stories:
        return []
    each = [able(team, step.absence.agent, story) for story in stories]
    return [name for name in each[0] if all(name in others for others in each)][:_SHOWN]


def _who(team: Team, step: AbsenceStep, story: Story) -> Replacement | None:
    if step.by:
        return Replacement(agent=step.by, rule="plan", why=f"{step.by_actor} said so")
    return replacement(team, step.absence.agent, story)


def _loaded(team: Team, agent: str) -> Team:
    load = {**team.load, agent: team.load.get(agent, 0) + 1}
    return Team(team.plan, team.declared, team.spare, team.absent, load)


def _move(run: RunContext, step: AbsenceStep, story: Story, row: StoryStatus, found: Replacement) -> Move:
    agents = replaced(story.agents, step.absence.agent, found.agent)
    given = {"agents": agents, "agent": found.agent, "why": found.why, "rule": found.rule}
    return _asked(run, step, story, row).model_copy(update=given)


def _left(run: RunContext, step: AbsenceStep, story: Story, row: StoryStatus, begun: frozenset[str]) -> Move:
    asked = _asked(run, step, story, row)
    return asked if run.sprint_of(story) in begun else asked.model_copy(update={"asked": ""})


def _asked(run: RunContext, step: AbsenceStep, story: Story, row: StoryStatus) -> Move:
    """Which workflow takes an action on the story: its own, or before it started its epic's."""
    pending = row.state is StoryState.PENDING
    sprint = run.sprint_of(story)
    epic = ids.epic_workflow_id(run.run.id, sprint, run.epic_of(story))
    return Move(
        story=story.id,
        sprint=sprint,
        agents=story.agents,
        asked=epic if pending else run.workflow_id(story),
        through_epic=pending,
        id=f"absence-{ids.short_digest(step.workflow)}-{step.round}-{ids.short_digest(story.id)}",
    )


def _move_at_once(session: Session, step: AbsenceStep, moves: list[Move]) -> int:
    """Stories of sprints that have not begun: no workflow knows of them yet."""
    drafts = [
        ChangeDraft(
            key=f"steer#{move.id}",
            kind=ChangeKind.AGENTS,
            target=move.story,
            names=move.agents,
            actor=step.by_actor or step.absence.actor,
            reason=f"{step.absence.agent} is {step.absence.reason}: {move.why}"[:2000],
        )
        for move in moves
    ]
    revision = changes.record_changes(session, step.project, drafts)
    for move in moves:
        steering.assign(session, step.project, move.story, move.agents)
    events.append_events(session, step.project, [_replaced(step, move) for move in moves])
    return revision


def _tell_moved(session: Session, step: AbsenceStep, moves: list[Move]) -> None:
    """Of what was asked for in the round before: what was done."""
    done = [move for move in moves if events.event_of(session, step.project, f"steer#{move.id}") is not None]
    events.append_events(session, step.project, [_replaced(step, move) for move in done])


def _replaced(step: AbsenceStep, move: Move) -> EventDraft:
    return EventDraft(
        key=f"replaced#{move.id}",
        type=EventType.WORKFLOW_EVENT,
        name="agent.replaced",
        actor=step.by_actor or step.absence.actor,
        story=move.story,
        data={
            "agent": step.absence.agent,
            "by": move.agent,
            "agents": move.agents,
            "rule": move.rule,
            "why": move.why[:500],
            "reason": step.absence.reason,
        },
    )


def _question(step: AbsenceStep, stories: list[Story], refused: str) -> str:
    lost = {"away": "is away", "silent": "fell silent", "failing": "failed too often in a row"}
    lines = [f"- {story.id}: {story.title}"[:300] for story in stories[:_SHOWN]]
    if len(stories) > len(lines):
        lines.append(f"- and {len(stories) - len(lines)} more")
    until = f" until {step.absence.until.isoformat(timespec='minutes')}" if step.absence.until else ""
    said = f"{refused}\n\n" if refused else ""
    return (
        f"{said}{step.absence.agent} {lost[step.absence.reason]}{until}, and by the rules nobody else can "
        "do these stories. Who shall do them?\n\n" + "\n".join(lines)
    )[:20_000]
