"""The retrospective of a sprint: how it went, by topic, and what is to be better in the next one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any

from pydantic import Field

from paceline.domain.aims import ended_aims
from paceline.domain.burndown import rounded
from paceline.domain.ceremonies import Ceremony, ceremony
from paceline.domain.chronicle import CONFLICT_CODE, Chronicle, StoryStand
from paceline.domain.conflicts import conflicts
from paceline.domain.events import Event
from paceline.domain.measurements import aim_states, counts_of
from paceline.domain.model import Model
from paceline.domain.parts import PART_DONE
from paceline.domain.proof import Proof
from paceline.domain.reports import Period, ReportKind
from paceline.domain.retro_entries import EntryKind, RetroEntry
from paceline.domain.sprint_record import SprintRecord
from paceline.domain.sprint_review import verdicts

OWN_TOPICS = {
    "velocity": "Velocity and estimates",
    "communication": "Communication",
    "process": "Tools and process",
    "quality": "Quality of the results",
    "collaboration": "Collaboration",
}
"""The topics that have facts, and their headings where the plan has none of its own."""
TOPIC_WORDS = {
    "velocity": r"velocity|estimat|pace",
    "communication": r"communicat|meeting|stand-?up|question",
    "process": r"\btools?\b|process|workflow|effici",
    "quality": r"quality|defect|bug|test",
    "collaboration": r"collabora|team|coordinat",
}
_FEWEST_ESTIMATES = 3
"""Of fewer stories nobody can say what is usual."""
_FAR_OFF = 2.0
"""An estimate is far off where a story took so many times longer or shorter than its points say."""

Fact = int | float | str | None | dict[str, int] | list[str]


class Topic(Model):
    """One topic: what the log says of it, and what people add."""

    key: str | None
    """Which facts it has; None for a topic of the plan's about which the log says nothing."""
    heading: str
    facts: dict[str, Fact] = Field(default_factory=dict[str, Fact])


class Retrospective(Model):
    """How a sprint went."""

    period: Period
    topics: list[Topic]
    improvements: list[str]
    """What the plan wants to be better; those that people add are entries."""


def retrospective(record: SprintRecord, until: datetime) -> Retrospective:
    """The retrospective for the end of a sprint. Durations are seconds.

    Args:
        record: the sprint.
        until: its end; events after it do not count.
    """
    told = record.told(until)
    period = record.period(told, until, None)
    news = told.after(period.after_event)
    stands = told.of_sprint(record.sprint)
    waits = _waits(news, {each.id for each in stands})
    facts: dict[str, dict[str, Fact]] = {
        "velocity": _velocity(record, told, stands, waits, until),
        "communication": _communication(news),
        "process": _process(stands, news, waits),
        "quality": _quality(record.proofs, stands, news) | _aims(record, until),
        "collaboration": _collaboration(record, told, stands, news, until),
    }
    written = ceremony(record.plan, ReportKind.RETROSPECTIVE)
    return Retrospective(period=period, topics=_topics(written, facts), improvements=written.improvements)


def improvements(report: Mapping[str, Any] | None, entries: Sequence[RetroEntry]) -> list[str]:
    """What a retrospective asks of the next sprint: what the plan wants, then what people added.

    Args:
        report: the data of the retrospective; None where none was made.
        entries: those of its sprint.
    """
    planned = Retrospective.model_validate(report).improvements if report is not None else []
    added = [each.text for each in entries if each.kind is EntryKind.IMPROVEMENT]
    return list(dict.fromkeys([*planned, *added]))


def _topics(written: Ceremony, facts: Mapping[str, dict[str, Fact]]) -> list[Topic]:
    """The plan's own topics in its order; then those of ours that it does not name."""
    found: list[Topic] = []
    left = dict(facts)
    for heading in written.topics:
        key = next((each for each in left if re.search(TOPIC_WORDS[each], heading, re.IGNORECASE)), None)
        found.append(Topic(key=key, heading=heading, facts=left.pop(key) if key else {}))
    return [*found, *(Topic(key=key, heading=OWN_TOPICS[key], facts=left[key]) for key in left)]


# The facts of each topic ---


def _velocity(
    record: SprintRecord,
    told: Chronicle,
    stands: Sequence[StoryStand],
    waits: Mapping[str, list[float]],
    until: datetime,
) -> dict[str, Fact]:
    today = record.burn(told, until)[-1]
    return {
        "unit": record.weights.unit,
        "planned": record.weights.total,
        "completed": rounded(today.scope - today.left),
        "planned_days": record.planned,
        "days": today.day,
        "working_seconds": rounded(sum(waits["work"])),
        "far_off_estimates": _far_off(told, stands),
    }


def _far_off(told: Chronicle, stands: Sequence[StoryStand]) -> list[str]:
    """Stories that took far longer or shorter a point than the median of the sprint's stories."""
    begun: dict[str, datetime] = {}
    for event in told.told:
        if event.name == "claim.granted" and event.story:
            begun.setdefault(event.story, event.at)
    pace: dict[str, float] = {}
    for stand in stands:
        start = begun.get(stand.id)
        if stand.done and stand.story.points and start is not None and stand.since is not None:
            pace[stand.id] = (stand.since - start).total_seconds() / stand.story.points
    usual = median(pace.values()) if len(pace) >= _FEWEST_ESTIMATES else 0.0
    return [
        story for story, each in pace.items() if usual and not usual / _FAR_OFF <= each <= usual * _FAR_OFF
    ]


def _communication(news: Sequence[Event]) -> dict[str, Fact]:
    asked = {event.data.get("question"): event.at for event in news if event.name == "question.asked"}
    answers = [
        event for event in news if event.name == "question.answered" and event.data.get("question") in asked
    ]
    times = [(event.at - asked[event.data.get("question")]).total_seconds() for event in answers]
    people: dict[str, int] = {}
    for event in answers:
        people[event.actor] = people.get(event.actor, 0) + 1
    return {
        "questions_asked": len(asked),
        "questions_answered": len(times),
        "median_answer_seconds": rounded(median(times)) if times else None,
        "longest_answer_seconds": rounded(max(times)) if times else None,
        "answered_by": people,
    }


def _process(
    stands: Sequence[StoryStand], news: Sequence[Event], waits: Mapping[str, list[float]]
) -> dict[str, Fact]:
    codes: dict[str, int] = {}
    own = {each.id for each in stands}
    for event in news:
        code = str(event.data.get("code") or "")
        if event.name == "attempt.ended" and event.story in own and code != PART_DONE:
            codes[code] = codes.get(code, 0) + 1
    return {
        "attempts": sum(each.attempt for each in stands),
        "attempts_without_merge": codes,
        "stories_done_again": [each.id for each in stands if each.attempt > 1],
        "seconds_waiting_for_claims": rounded(sum(waits["claim"])),
        "longest_wait_for_a_claim_seconds": rounded(max(waits["claim"], default=0.0)),
        "seconds_waiting_for_merges": rounded(sum(waits["merge"])),
    }


def _quality(proofs: Sequence[Proof], stands: Sequence[StoryStand], news: Sequence[Event]) -> dict[str, Fact]:
    commits = {(each.id, each.commit) for each in stands if each.done and each.commit}
    return {
        "proofs": verdicts([each for each in proofs if (each.story, each.commit) in commits]),
        "stories_rolled_back": sum(event.name == "story.reverted" for event in news),
        "stories_not_done": sum(each.ended and not each.counts for each in stands),
    }


def _aims(record: SprintRecord, until: datetime) -> dict[str, Fact]:
    """How many metrics and success criteria have which verdict; nothing where the plan has none."""
    own = ended_aims(record.plan, record.sprint)
    states = aim_states(own, [each for each in record.measurements if each.at <= until])
    counts = {verdict.value: count for verdict, count in counts_of(states).items()}
    return {"metrics_and_criteria": counts} if counts else {}


def _collaboration(
    record: SprintRecord,
    told: Chronicle,
    stands: Sequence[StoryStand],
    news: Sequence[Event],
    until: datetime,
) -> dict[str, Fact]:
    found = conflicts(told, stands, news)
    kinds: dict[str, int] = {}
    for each in found:
        kinds[each.kind] = kinds.get(each.kind, 0) + 1
    handed = 0
    for stand in stands:
        before = [told.stands[name] for name in stand.story.dependencies if name in told.stands]
        handed += sum(not set(each.story.agents) & set(stand.story.agents) for each in before)
    return {
        "conflicts": kinds,
        "open_conflicts": sum(each.open for each in found),
        "merge_conflicts": sum(event.data.get("code") == CONFLICT_CODE for event in news),
        "handovers_between_agents": handed,
        "stories_of_several_agents": [each.id for each in stands if len(each.story.agents) > 1],
        "changes_of_assignment": sum(
            change.target in told.stands and record.calendar.start < change.at <= until
            for change in record.changes
            if change.kind == "agents"
        ),
    }


def _waits(news: Sequence[Event], own: set[str]) -> dict[str, list[float]]:
    """How long stories waited for claims and merges, and were under work: each stretch in seconds."""
    found: dict[str, list[float]] = {"claim": [], "merge": [], "work": []}
    since: dict[tuple[str, str], datetime] = {}

    def begin(what: str, event: Event) -> None:
        since.setdefault((event.story or "", what), event.at)

    def end(what: str, event: Event) -> None:
        start = since.pop((event.story or "", what), None)
        if start is not None:
            found[what].append((event.at - start).total_seconds())

    for event in news:
        if event.story not in own:
            continue
        for what in _ENDS.get(event.name, _STORY_ENDS if event.name.startswith("story.") else ()):
            end(what, event)
        if event.name in _BEGINS:
            begin(_BEGINS[event.name], event)
    return found


_BEGINS = {"claim.waiting": "claim", "claim.granted": "work", "merge.waiting": "merge"}
_ENDS = {
    "claim.granted": ("claim",),
    "merge.made": ("merge",),
    "question.asked": ("work", "merge"),
    "claim.lost": ("work", "merge"),
}
_STORY_ENDS = ("claim", "merge", "work")
