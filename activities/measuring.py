"""Actual values of metrics and success criteria: counted, from commands, and from people's answers."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session
from temporalio import activity

from activities.branch_checks import BranchCheckout, on_branch
from activities.context import ActivityContext, RunContext
from activities.files import RunKeeper
from activities.heartbeat import heartbeating
from paceline.contracts import Done
from paceline.domain import ids
from paceline.domain.aims import Aim, AimKind, Verdict, aims_of, ended_aims, find_aim, fold
from paceline.domain.counting import counted
from paceline.domain.measurements import MeasurementDraft, Source, aim_states
from paceline.domain.metric_answers import listed, metrics_question, read_answer
from paceline.domain.metric_rules import MetricsAsking, MetricsOptions
from paceline.domain.metric_steps import MeasureReport, MeasureStep, OpenAims, OpenStep, SaidStep
from paceline.domain.readings import said_by_command
from paceline.domain.states import RunState
from paceline.domain.work import is_rehearsal
from paceline.store import measurements, questions, runs, status

EVIDENCE = "evidence"
"""Kind of the artifacts."""
_OVER = (RunState.CANCELLED, RunState.FAILED)


class MeasuringActivities:
    """Measure, ask what to ask, and write down what was answered."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="measure-sprint")
    async def measure_sprint(self, step: MeasureStep) -> MeasureReport:
        """Run the commands and count; a repeat runs only what has no result from this end of the sprint."""
        run = await self._context.run(step.project, step.revision)
        async with heartbeating():
            await self._run_commands(run, step)
        mark = _mark(step)
        return await self._context.database.write(_count_and_look, run, step, mark)

    @activity.defn(name="open-aims")
    async def open_aims(self, step: OpenStep) -> OpenAims:
        """Say what has no verdict, and who else asks for it."""
        run = await self._context.newest(step.project)
        return await self._context.database.read(_open, run, step)

    @activity.defn(name="record-said")
    async def record_said(self, step: SaidStep) -> Done:
        """Write down what a person answered; twice is once."""
        run = await self._context.newest(step.project)
        await self._context.database.write(_record_said, run, step)
        return Done()

    async def _run_commands(self, run: RunContext, step: MeasureStep) -> None:
        if run.run.repository is None:
            return
        known = await self._context.database.read(_known, step.project)
        wanted = [
            (aim, command)
            for aim, command in commands_of(run, step.sprint)
            if _id(_mark(step), aim) not in known
        ]
        if not wanted:
            return
        async with on_branch(self._context, run, step.sprint) as checkout:
            for aim, command in wanted:
                draft = await self._measured(step, aim, command, checkout)
                await self._context.database.write(
                    measurements.record_measurements, step.project, [aim], [draft]
                )

    async def _measured(
        self, step: MeasureStep, aim: Aim, command: str, checkout: BranchCheckout
    ) -> MeasurementDraft:
        mark = _mark(step)
        root = self._context.settings.artifact_root / step.project / "metrics"
        # A try that died may have left half a file; what is indexed is never written again.
        logs = root / f"{mark}-try-{activity.info().attempt}" / ids.slug(aim.name)
        (ended,) = await checkout.run([command], logs, apart=True)
        said = said_by_command(aim, ended.exit_code, ended.timed_out, ended.tail)
        kept = await RunKeeper(self._context, step.project).keep_all(EVIDENCE, _outputs(ended.output_path))
        return MeasurementDraft(
            **said.model_dump(),
            id=_id(mark, aim),
            aim=aim.name,
            target=aim.target,
            sprint=step.sprint,
            source=Source.COMMAND,
            command=command,
            evidence=kept[0].id,
            commit=checkout.commit,
        )


def metrics_options(run: RunContext) -> MetricsOptions:
    """What the run says about measuring."""
    return run.run.options.metrics or MetricsOptions()


def commands_of(run: RunContext, sprint: str) -> list[tuple[Aim, str]]:
    """What measures an aim at the end of a sprint: the run's word goes before the plan's."""
    said = {fold(name): command for name, command in metrics_options(run).commands.items()}
    aims = [aim for aim in ended_aims(run.plan, sprint) if aim.sprint in (None, sprint)]
    found = [(aim, said.get(fold(aim.name)) or aim.command) for aim in aims]
    return [(aim, command) for aim, command in found if command]


def _outputs(path: Path) -> list[Path]:
    """Standard output, and what was written to standard error where there is any."""
    errors = path.with_suffix(".err")
    return [path, errors] if errors.is_file() and errors.stat().st_size else [path]


def _mark(step: MeasureStep) -> str:
    """Names this end of the sprint: the same at every try, another one where the sprint runs again."""
    run_id = activity.info().workflow_run_id or ""
    again = f"-{step.ends + 1}" if step.ends else ""
    return f"{ids.slug(step.sprint)}-{run_id[:8]}{again}"


def _id(mark: str, aim: Aim) -> str:
    return f"{mark}-{ids.short_digest(aim.name)}"


def _known(session: Session, project: str) -> set[str]:
    return {each.id for each in measurements.measurements_of(session, project)}


def _count_and_look(session: Session, run: RunContext, step: MeasureStep, mark: str) -> MeasureReport:
    aims = ended_aims(run.plan, step.sprint)
    rows = [row for row in status.story_statuses(session, step.project) if not row.removed]
    spread = any(len({part.sprint for part in story.allocations}) > 1 for story in run.plan.stories)
    by_command = {aim.name for aim, _ in commands_of(run, step.sprint)}
    drafts = [
        MeasurementDraft(
            **said.model_dump(),
            id=_id(mark, aim),
            aim=aim.name,
            target=aim.target,
            sprint=step.sprint,
            source=Source.COUNT,
        )
        for aim in aims
        if aim.name not in by_command and (said := counted(aim, rows, step.sprint, spread=spread)) is not None
    ]
    measurements.record_measurements(session, step.project, aims, drafts)
    options = metrics_options(run)
    if is_rehearsal(run.run.options.agents.values()) or options.ask is MetricsAsking.NOBODY:
        return MeasureReport()
    left = _left(session, run, step.sprint)
    completion = run.run.options.completion
    gated = options.ask is MetricsAsking.WAIT or bool(completion and completion.metrics)
    return MeasureReport(ask=bool(left), wait=gated and any(aim.sprint == step.sprint for aim in left))


def _left(session: Session, run: RunContext, sprint: str) -> list[Aim]:
    """What has no verdict and could have one by now."""
    aims = ended_aims(run.plan, sprint)
    states = aim_states(aims, measurements.measurements_of(session, run.run.id))
    return [aim for aim, state in zip(aims, states, strict=True) if state.verdict is Verdict.UNKNOWN]


def _open(session: Session, run: RunContext, step: OpenStep) -> OpenAims:
    if runs.get_run(session, step.project).state in _OVER:
        return OpenAims()
    # The sprint's own criteria first: something may wait for them.
    left = listed(sorted(_left(session, run, step.sprint), key=lambda aim: aim.sprint != step.sprint))
    order = [each.id for each in run.plan.sprints]
    before = order[: order.index(step.sprint)] if step.sprint in order else []
    names = {ids.measures_workflow_id(step.project, sprint) for sprint in before}
    asking = questions.asking_beside(session, step.project)
    return OpenAims(
        revision=run.revision,
        aims=left,
        question=metrics_question(step.sprint, left) if left else "",
        holding=any(aim.sprint == step.sprint and aim.kind is AimKind.CRITERION for aim in left),
        older=[name for name in asking if name in names],
    )


def _record_said(session: Session, run: RunContext, step: SaidStep) -> None:
    read = read_answer(step.answer, step.aims)
    if isinstance(read, str):
        return
    now = aims_of(run.plan)
    drafts = [
        MeasurementDraft(
            **said.model_dump(),
            id=f"{step.answer.question}-{ids.short_digest(aim.name)}",
            aim=aim.name,
            target=aim.target,
            sprint=step.sprint,
            source=Source.PERSON,
            actor=step.answer.actor,
        )
        for aim, said in read
        if find_aim(now, aim.name) is not None
    ]
    measurements.record_measurements(session, step.project, now, drafts)
