"""The reports of a sprint: made when they are due, stored once, and kept as files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus

from activities.context import ActivityContext, RunContext
from activities.files import RunKeeper, write_whole
from activities.forecasts import renew_forecast
from activities.heartbeat import heartbeating
from activities.sprint_records import read_sprint
from paceline.domain import ids
from paceline.domain.calendar import phases_on
from paceline.domain.clock_steps import ClockStep, ClockTick
from paceline.domain.due_reports import due_reports
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Plan
from paceline.domain.report_texts import report_text
from paceline.domain.reports import Report, ReportDraft, ReportKind
from paceline.domain.retro_entries import RetroEntry, added_to
from paceline.domain.sprint_record import SprintRecord
from paceline.store import artifacts, events, reports

REPORT = "report"
"""Kind of the artifacts."""


class ReportActivities:
    """What the clock of a sprint does, and its end."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="report-sprint")
    async def report_sprint(self, step: ClockStep) -> ClockTick:
        """Make the reports that are due; those that are there stay as they are."""
        async with heartbeating():
            over = step.over or await self._closed(step)
            record = await self._make(step, over)
            await self._keep_files(step.project, step.sprint, record.plan)
            if not over:
                await renew_forecast(self._context, step.project, step.sprint, step.now)
        day = record.calendar.day_of(step.now)
        return ClockTick(
            day=day,
            planned_days=record.planned,
            phases=[
                (phase.name or phase.id)[:200]
                for phase in phases_on(record.plan, step.sprint, day, record.calendar.days_a_week)
            ][:100],
            next_day=record.calendar.begins(day + 1),
            over=over,
        )

    async def _closed(self, step: ClockStep) -> bool:
        """Whether the sprint ended without a word, as when it was terminated."""
        name = ids.sprint_workflow_id(step.project, step.sprint)
        return await self._context.execution_status(name) is not WorkflowExecutionStatus.RUNNING

    async def _make(self, step: ClockStep, over: bool) -> SprintRecord:
        while True:
            record = await self._context.database.read(
                read_sprint, step.project, step.sprint, step.started_at
            )
            # Thousands of events take a while, in which the worker does other things.
            drafts = await asyncio.to_thread(due_reports, record, step.now, over=over)
            if await self._context.database.write(_save, step.project, record, drafts):
                return record

    async def _keep_files(self, project: str, sprint: str, plan: Plan) -> None:
        """Write the reports of a sprint that have no file, also those of a try that died before it did."""
        stored, entries, known = await self._context.database.read(_unkept, project, sprint)
        folder = self._context.settings.artifact_root / project / "reports" / ids.slug(sprint)
        written: list[Path] = []
        for report in stored:
            for name, text in report_files(report, plan, entries):
                path = folder / name
                if path.relative_to(self._context.settings.artifact_root).as_posix() not in known:
                    folder.mkdir(parents=True, exist_ok=True)
                    write_whole(path, text)
                    written.append(path)
        if written:
            await RunKeeper(self._context, project).keep_all(REPORT, written)


def report_files(report: Report, plan: Plan, entries: Sequence[RetroEntry]) -> list[tuple[str, str]]:
    """The files of a report, for people and for programs: each a name and its text.

    Args:
        report: as stored.
        plan: its words are used.
        entries: what people added to reviews and retrospectives of the run.
    """
    own = [each for each in entries if each.sprint == report.sprint and added_to(each) is report.kind]
    data = report.model_dump(mode="json")
    if report.kind in (ReportKind.REVIEW, ReportKind.RETROSPECTIVE):
        data["entries"] = [each.model_dump(mode="json") for each in own]
    return [
        (f"{report.name}.md", report_text(report, plan, own)),
        (f"{report.name}.json", json.dumps(data, indent=2, ensure_ascii=False) + "\n"),
    ]


def has_clock(run: RunContext) -> bool:
    """Whether the days of the run's sprints are reported."""
    calendar = run.run.options.calendar
    return calendar is not None and calendar.reports


def _unkept(session: Session, project: str, sprint: str) -> tuple[list[Report], list[RetroEntry], set[str]]:
    known = {each.path for each in artifacts.list_artifacts(session, project, kind=REPORT)}
    stored = reports.reports_of(session, project, sprint)[::-1]
    return stored, reports.entries_of(session, project, sprint), known


def _save(session: Session, project: str, record: SprintRecord, drafts: Sequence[ReportDraft]) -> bool:
    """Store reports, unless somebody stored others meanwhile, from which they should have begun."""
    if not drafts:
        return True
    reports.lock_reports(session, project)
    now = reports.reports_of(session, project, record.sprint)
    if len(now) != len(record.reports):
        return False
    new = reports.save_reports(session, project, drafts)
    made = [draft for report in new for draft in _events(report)]
    events.append_events(session, project, made)
    return True


def _events(report: Report) -> list[EventDraft]:
    period = report.data["period"]
    data: dict[str, Any] = {
        "report": report.name,
        "kind": report.kind.value,
        "sprint": report.sprint,
        "number": report.number,
        "first_day": period["first_day"],
        "last_day": period["last_day"],
        "planned_days": period["planned_days"],
        **_found(report),
    }
    made = EventDraft(
        key=f"{report.project}#report#{report.sprint}#{report.name}",
        type=EventType.WORKFLOW_EVENT,
        name="report.made",
        data=data,
    )
    return [_started(report), made] if report.kind is ReportKind.PLANNING else [made]


def _started(report: Report) -> EventDraft:
    data = report.data
    return EventDraft(
        key=f"{report.project}#sprint.started#{report.sprint}",
        type=EventType.WORKFLOW_EVENT,
        name="sprint.started",
        data={
            "sprint": report.sprint,
            "at": data["period"]["since"],
            "stories": len(data["stories"]),
            data["unit"]: data["points"],
            "improvements": data["improvements"],
        },
    )


def _found(report: Report) -> dict[str, Any]:
    """What of a report is worth an event of its own: late stories, conflicts, changes of assignment."""
    data = report.data
    if report.kind is ReportKind.DAILY:
        return {"schedule": data["schedule"], "late": len(data["late"]), "conflicts": data["open_conflicts"]}
    if report.kind is ReportKind.STANDUP:
        names = ("revision", "story", "agents", "after_standup")
        return {
            "conflicts": sum(each["open"] for each in data["conflicts"]),
            "assignments": [{name: each[name] for name in names} for each in data["reassignments"]],
        }
    return {}
