"""All that the reports of one sprint are made of, and the figures that several of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from paceline.domain.burndown import BurnDay, Weights, burn_down, weigh
from paceline.domain.calendar import Calendar, phases_on, planned_days
from paceline.domain.changes import RunChange
from paceline.domain.chronicle import Chronicle, PlannedStory, StoryStand, chronicle, reassigned, told_until
from paceline.domain.events import Event
from paceline.domain.measurements import Measurement
from paceline.domain.plan import Plan, Sprint
from paceline.domain.proof import Proof
from paceline.domain.reports import Period, Report, ReportKind
from paceline.domain.retro_entries import RetroEntry


@dataclass(frozen=True)
class SprintRecord:
    """One sprint of a run, as its plan, its log and its earlier reports tell of it."""

    plan: Plan
    sprint: str
    stories: Sequence[PlannedStory]
    """Of the whole run, as planned; changes of agents are applied by moment."""
    events: Sequence[Event]
    calendar: Calendar
    changes: Sequence[RunChange] = ()
    proofs: Sequence[Proof] = ()
    reports: Sequence[Report] = ()
    """Those of the sprint that are stored, oldest first."""
    earlier: Sequence[Report] = ()
    """Velocity and retrospective reports of the sprints before, oldest first."""
    entries: Sequence[RetroEntry] = ()
    """What people noted for the retrospective of the sprint before."""
    measurements: Sequence[Measurement] = ()
    """Of the run's metrics and success criteria, oldest first."""
    known: dict[datetime, Chronicle] = field(
        default_factory=dict[datetime, Chronicle], init=False, repr=False, compare=False
    )
    """The log up to the moments that were asked for: several reports are made for one moment."""
    burnt: dict[datetime, list[BurnDay]] = field(
        default_factory=dict[datetime, list[BurnDay]], init=False, repr=False, compare=False
    )
    """Likewise the burn-down."""

    @cached_property
    def written(self) -> Sprint:
        """The sprint as the plan writes it."""
        found = next((each for each in self.plan.sprints if each.id == self.sprint), None)
        return found or Sprint(id=self.sprint)

    @cached_property
    def own(self) -> list[PlannedStory]:
        """The stories to do in the sprint."""
        return [story for story in self.stories if story.sprint == self.sprint and not story.done]

    @cached_property
    def weights(self) -> Weights:
        """What each of them counts."""
        return weigh(self.own, self.written.points_stated)

    @cached_property
    def planned(self) -> int | None:
        """How many days the sprint is to last."""
        return planned_days(self.plan, self.sprint, self.calendar.days_a_week)

    def told(self, until: datetime) -> Chronicle:
        """The run's log up to a moment, with the agents that stories had then."""
        found = self.known.get(until)
        if found is None:
            stories = reassigned(self.stories, self.changes, until)
            found = self.known[until] = chronicle(stories, told_until(self.events, until))
        return found

    def burn(self, told: Chronicle, until: datetime) -> list[BurnDay]:
        """The sprint's burn-down."""
        found = self.burnt.get(until)
        if found is None:
            found = burn_down(told, self.sprint, self.weights, self.calendar, self.planned, until)
            self.burnt[until] = found
        return found

    def with_report(self, report: Report) -> SprintRecord:
        """The same with one more stored report, from which the next of its kind begins."""
        found = replace(self, reports=[*self.reports, report])
        found.known.update(self.known)
        found.burnt.update(self.burnt)
        return found

    def last_of(self, kind: ReportKind) -> Report | None:
        """The newest stored report of a kind."""
        return next((each for each in reversed(self.reports) if each.kind is kind), None)

    def period(self, told: Chronicle, until: datetime, before: Report | None) -> Period:
        """What a report covers that is made for a moment.

        Args:
            told: the log up to that moment.
            until: the moment.
            before: the report of its kind before it; None: it begins with the sprint.
        """
        covered = Period.model_validate(before.data["period"]) if before is not None else None
        last = self.calendar.last_day(until)
        return Period(
            sprint=self.sprint,
            first_day=min(last, covered.last_day + 1) if covered else 1,
            last_day=last,
            planned_days=self.planned,
            phases=[
                f"{phase.id}: {phase.name}" if phase.name else phase.id
                for phase in phases_on(self.plan, self.sprint, last, self.calendar.days_a_week)
            ],
            since=covered.until if covered else self.calendar.start,
            until=until,
            after_event=covered.last_event if covered else self._before_start(),
            last_event=told.last_event,
        )

    def _before_start(self) -> int:
        """The newest event before the sprint: those of earlier sprints are not its own."""
        before = told_until(self.events, self.calendar.start - timedelta(microseconds=1))
        return before[-1].number if before else 0


def agents_of(plan: Plan, stands: Sequence[StoryStand]) -> list[str]:
    """The agents of stories: in the order of the plan's team, then of the stories."""
    named = dict.fromkeys(name for stand in stands for name in stand.story.agents)
    team = [agent.id for agent in plan.agents if agent.id in named]
    return list(dict.fromkeys([*team, *named]))
