"""Reports as markdown, under the plan's own headings where it has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from paceline.domain.ceremonies import Ceremony, ceremony, headed
from paceline.domain.daily_report import DailyReport
from paceline.domain.plan import Plan
from paceline.domain.report_words import (
    amount,
    bullets,
    counted,
    counts,
    fact,
    names,
    number,
    one_line,
    span,
    table,
)
from paceline.domain.reports import Period, Report, ReportKind
from paceline.domain.retro_entries import EntryKind, RetroEntry
from paceline.domain.retrospective import Retrospective
from paceline.domain.review_lines import criterion_lines, metric_line
from paceline.domain.sprint_planning import SprintPlanning
from paceline.domain.sprint_review import SprintReview
from paceline.domain.standup import AgentStandup, Blocker, Standup, StoryLine
from paceline.domain.status import Away
from paceline.domain.velocity_report import VelocityReport

TITLES = {
    ReportKind.PLANNING: "Sprint planning",
    ReportKind.STANDUP: "Standup",
    ReportKind.DAILY: "Daily report",
    ReportKind.VELOCITY: "Velocity",
    ReportKind.REVIEW: "Sprint review",
    ReportKind.RETROSPECTIVE: "Retrospective",
}
STANDUP_WORDS = {
    "completed": r"complet|done|finished|yesterday",
    "focus": r"focus|current|today|working on",
    "blockers": r"block|impediment|obstacle",
    "dependencies": r"dependenc|integration|conflict",
    "reassignments": r"assign|adjust",
}
_STANDUP_HEADINGS = {
    "completed": "Completed",
    "focus": "Focus",
    "blockers": "Blockers",
    "dependencies": "Dependencies and conflicts",
    "reassignments": "Changes of assignment",
}


def report_text(report: Report, plan: Plan, entries: Sequence[RetroEntry] = ()) -> str:
    """A report in markdown.

    Args:
        report: as stored.
        plan: its words for the ceremony are used.
        entries: what people added to it; only reviews and retrospectives have some.
    """
    write = _WRITERS[report.kind]
    lines = write(report.data, ceremony(plan, report.kind), entries)
    return "\n".join(lines).rstrip() + "\n"


def _planning(data: Mapping[str, object], told: Ceremony, entries: Sequence[RetroEntry]) -> list[str]:
    found = SprintPlanning.model_validate(data)
    least, most = found.capacity or (None, None)
    return [
        *_head(ReportKind.PLANNING, found.period, told),
        *([f"Goal: {one_line(found.goal)}", ""] if found.goal else []),
        f"- {counted(len(found.stories), 'story', 'stories')}"
        + (f" of {amount(found.points, found.unit)}" if found.unit == "points" else "")
        + (f"; the plan states {number(found.stated_points)}" if found.stated_points is not None else ""),
        f"- capacity: {span(least, most)}; velocity so far: {number(found.velocity)}: "
        f"{found.fits.replace('_', ' ')}",
        f"- can start at once: {names(found.ready)}",
        f"- carried over: {names(found.carried)}",
        *(
            f"- {each.story} is part {each.number} of {each.of} here, {amount(each.points, 'points')}: "
            + ("done now" if each.done_in == found.period.sprint else f"done whole in {each.done_in}")
            for each in found.parts
        ),
        "",
        *table(
            ("agent", "stories", found.unit),
            [(each.agent, ", ".join(each.stories), number(each.points)) for each in found.agents],
        ),
        *bullets("Improvements from the last retrospective", found.improvements),
        *_talk(told.topics, {}),
    ]


def _standup(data: Mapping[str, object], told: Ceremony, entries: Sequence[RetroEntry]) -> list[str]:
    found = Standup.model_validate(data)
    words = _STANDUP_HEADINGS | headed(told.topics, STANDUP_WORDS)
    lines = _head(ReportKind.STANDUP, found.period, told)
    for agent in found.agents:
        lines += _of_agent(agent, words)
    lines += bullets(
        words["dependencies"],
        [
            f"{each.story} ({names(each.agents)}) waits for {each.waits_for} "
            f"({names(each.waits_for_agents)}), which is {each.state.value}"
            for each in found.dependencies
        ]
        + [
            f"{each.kind} conflict{'' if each.open else ', over'}: {one_line(each.about)} "
            f"({names(each.stories)}); {each.decided}"
            for each in found.conflicts
        ],
    )
    lines += bullets(
        words["reassignments"],
        [
            f"{each.story} is done by {names(each.agents)} now, says {each.actor}"
            + (f": {one_line(each.reason)}" if each.reason else "")
            + (f" (after the standup of day {each.after_standup})" if each.after_standup else "")
            for each in found.reassignments
        ],
    )
    lines += bullets("Away", [_absence(each) for each in found.away])
    return [*lines, *_talk(told.topics, words)]


def _absence(away: Away) -> str:
    until = f" until {away.until:%Y-%m-%d %H:%M} UTC" if away.until else ""
    stories = "; its stories wait for it" if away.waits else ""
    note = f": {one_line(away.note)}" if away.note else ""
    return f"{away.agent} is {away.reason} since {away.since:%Y-%m-%d %H:%M} UTC{until}{stories}{note}"


def _of_agent(agent: AgentStandup, words: Mapping[str, str]) -> list[str]:
    parts = {
        "completed": _stories(agent.completed),
        "focus": _stories(agent.focus),
        "blockers": "; ".join(_blocker(each) for each in agent.blockers) or "none",
    }
    return [f"## {one_line(agent.agent)}", "", *(f"- {words[name]}: {parts[name]}" for name in parts), ""]


def _daily(data: Mapping[str, object], told: Ceremony, entries: Sequence[RetroEntry]) -> list[str]:
    found = DailyReport.model_validate(data)
    ideal = f", {number(found.points_ideal)} on the straight line" if found.points_ideal is not None else ""
    states = ", ".join(f"{count} {state.value}" for state, count in found.states.items())
    return [
        *_head(ReportKind.DAILY, found.period, told),
        f"- stories: {found.stories_done} of {found.stories} done ({states})",
        f"- {found.unit} left: {number(found.points_left)} of {number(found.points)}{ideal}",
        f"- schedule: {found.schedule.replace('_', ' ')}"
        + (f", projected to take {number(found.projected_days)} days" if found.projected_days else ""),
        f"- open questions: {found.open_questions}; open conflicts: {found.open_conflicts}",
        "",
        *_epics(found),
        *bullets(
            "Late", [f"{each.story}: due on day {each.due_day}, {each.state.value}" for each in found.late]
        ),
        *bullets("Blockers", [_blocker(each) for each in found.blockers]),
        *bullets("Risks of the plan", found.risks),
    ]


def _epics(found: DailyReport) -> list[str]:
    with_points = found.unit == "points"
    rows = [
        (
            each.epic or "-",
            f"{each.stories_done} of {each.stories}",
            *([f"{number(each.points_done)} of {number(each.points)}"] if with_points else []),
        )
        for each in found.epics
    ]
    return table(("epic", "stories done", *(["points done"] if with_points else [])), rows)


def _velocity(data: Mapping[str, object], told: Ceremony, entries: Sequence[RetroEntry]) -> list[str]:
    found = VelocityReport.model_validate(data)
    week = found.this_week
    unknown = f"; {counted(found.without_points, 'story', 'stories')} without points count nothing"
    return [
        *_head(ReportKind.VELOCITY, found.period, told),
        f"- week {found.week} (days {week.first_day} to {week.last_day}): {number(week.completed)} "
        f"{found.unit} completed, {number(week.planned)} planned",
        f"- sprint so far: {number(found.sprint.completed)} completed, "
        f"{number(found.sprint.planned)} planned" + (unknown if found.without_points else ""),
        "",
        "## Burn-down",
        "",
        *table(
            ("day", "done", "left", "straight line"),
            [
                (str(each.day), number(each.done), number(each.left), number(each.ideal))
                for each in found.burn_down
            ],
        ),
        *bullets(
            "Sprints before",
            [
                f"{each.sprint}: {number(each.completed)} of {number(each.planned)} {each.unit}"
                for each in found.earlier
            ],
        ),
    ]


def _review(data: Mapping[str, object], told: Ceremony, entries: Sequence[RetroEntry]) -> list[str]:
    found = SprintReview.model_validate(data)
    in_points = found.unit == "points"
    every = len(found.done) + len(found.parts) + len(found.not_done)
    return [
        *_head(ReportKind.REVIEW, found.period, told),
        *([f"Goal: {one_line(found.goal)}", ""] if found.goal else []),
        f"{len(found.done)} of {counted(every, 'story', 'stories')} completed"
        + (f", {number(found.completed)} of {amount(found.planned, 'points')}." if in_points else "."),
        "",
        *table(
            ("story", "title", "commit", "proofs"),
            [(each.story, each.title, (each.commit or "-")[:12], counts(each.proofs)) for each in found.done],
        ),
        *bullets(
            "Done in part",
            [f"{each.story}: {one_line(each.title)}: {one_line(each.reason)}" for each in found.parts],
        ),
        *bullets(
            "Not done",
            [
                f"{each.story}: {one_line(each.title)}: {each.state.value}"
                + (f", {one_line(each.reason or each.code)}" if each.reason or each.code else "")
                for each in found.not_done
            ],
        ),
        *bullets("Deliverables", found.deliverables),
        *bullets("Success criteria", criterion_lines(found)),
        *bullets("Metrics", [metric_line(each) for each in found.metrics]),
        *bullets("Feedback", [(f"{each.topic}: " if each.topic else "") + _entry(each) for each in entries]),
        *_talk(told.topics, {}),
    ]


def _retrospective(data: Mapping[str, object], told: Ceremony, entries: Sequence[RetroEntry]) -> list[str]:
    found = Retrospective.model_validate(data)
    lines = _head(ReportKind.RETROSPECTIVE, found.period, told)
    placed: set[int] = set()
    for topic in found.topics:
        mine = [each for each in entries if each.topic and each.topic in (topic.heading, topic.key)]
        placed |= {each.number for each in mine}
        facts = [f"{name.replace('_', ' ')}: {fact(value)}" for name, value in topic.facts.items()]
        lines += bullets(topic.heading, [*facts, *map(_entry, mine)], always=True)
    rest = [each for each in entries if each.number not in placed]
    lines += bullets("Notes", [_entry(each) for each in rest if each.kind is EntryKind.NOTE])
    added = [_entry(each) for each in rest if each.kind is EntryKind.IMPROVEMENT]
    return [*lines, *bullets("For the next sprint", [*found.improvements, *added])]


_Writer = Callable[[Mapping[str, object], Ceremony, Sequence[RetroEntry]], list[str]]
_WRITERS: dict[ReportKind, _Writer] = {
    ReportKind.PLANNING: _planning,
    ReportKind.STANDUP: _standup,
    ReportKind.DAILY: _daily,
    ReportKind.VELOCITY: _velocity,
    ReportKind.REVIEW: _review,
    ReportKind.RETROSPECTIVE: _retrospective,
}


def _head(kind: ReportKind, period: Period, told: Ceremony) -> list[str]:
    of = f" of {period.planned_days}" if period.planned_days else ""
    days = (
        f"{period.first_day} to {period.last_day}" if period.first_day < period.last_day else period.last_day
    )
    phases = f" ({one_line('; '.join(period.phases))})" if period.phases else ""
    planned = f"The plan gives it {told.minutes} minutes." if told.minutes else ""
    return [
        f"# {TITLES[kind]}: {one_line(period.sprint)}, day {days}{of}",
        "",
        f"{period.since:%Y-%m-%d %H:%M} to {period.until:%Y-%m-%d %H:%M} UTC{phases}. "
        f"{_events(period)} {planned}".rstrip(),
        "",
    ]


def _events(period: Period) -> str:
    if period.last_event <= period.after_event:
        return "Nothing happened yet."
    return f"Events {period.after_event + 1} to {period.last_event}."


def _talk(topics: Iterable[str], used: Mapping[str, str]) -> list[str]:
    """What the plan wants to talk about, as far as nothing above stands under it."""
    return bullets("The plan asks for", [each for each in topics if each not in used.values()])


def _stories(found: Sequence[StoryLine]) -> str:
    return ", ".join(f"{each.story} ({one_line(each.title)}, {each.state.value})" for each in found) or "none"


def _blocker(found: Blocker) -> str:
    return f"{found.story}: {one_line(found.text)}"


def _entry(entry: RetroEntry) -> str:
    return f"{one_line(entry.text)} ({entry.kind.value}, {entry.actor})"
