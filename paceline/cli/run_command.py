"""`paceline run`: give a plan to the API, or to an all-in-one of its own, and follow it to the end."""

from __future__ import annotations

import asyncio
import getpass
import json
import shlex
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from paceline.agents.presets import preset
from paceline.cli.adjusting_flags import AheadSprints, LateSprints, LostAfterFailures, LostAgentsChoice
from paceline.cli.finish_flags import (
    NoPush,
    PullRequest,
    PullRequestBase,
    PullRequestCommand,
    Push,
    PushBranch,
    finish_changes,
)
from paceline.cli.following import Follower
from paceline.cli.plan_files import PlanArgument, source_of
from paceline.cli.plan_source import PlanSource
from paceline.cli.progress import Lines, LiveTable, stories_table
from paceline.cli.settings import load_settings, make_home
from paceline.cli.terminal import (
    COMMIT_DIGITS,
    counts_line,
    is_interactive,
    kept_for_data,
    say,
    show_data,
    wide_console,
)
from paceline.client.api import ApiClient
from paceline.domain import ids
from paceline.domain.calendar import CalendarOptions
from paceline.domain.finish import FinishOptions
from paceline.domain.gates import GatePolicy
from paceline.domain.proof import CriteriaPolicy
from paceline.domain.states import RunState
from paceline.domain.status import (
    CarryOver,
    Collaboration,
    ProjectStatus,
    Run,
    RunMode,
    RunOptions,
    SplitStories,
)
from paceline.domain.work import AgentDeclaration
from paceline.errors import ConfigurationError, Refused, ServerUnavailable
from paceline.settings import Settings

EVERY_AGENT = "*"


class Verdict(StrEnum):
    """The values of `ForeignEdits`, as an option wants them."""

    allow = "allow"
    ask = "ask"
    refuse = "refuse"


class Before(StrEnum):
    """What a person is asked about before it begins."""

    run = "run"
    sprints = "sprints"


@dataclass(frozen=True)
class Order:
    """What the person asked for on the command line."""

    source: PlanSource
    repository: Path | None
    project: str | None
    options: RunOptions
    rerun: bool
    detach: bool
    as_json: bool
    actor: str | None
    """Who answers questions at this terminal; None: nobody."""


def run(
    plan: PlanArgument,
    repo: Annotated[Path | None, typer.Option(help="The git repository to work in.")] = None,
    max_parallel: Annotated[int, typer.Option(min=1, max=1000, help="Stories at work at once.")] = 4,
    mode: Annotated[
        RunMode, typer.Option(help="Each story as soon as it can start, or in waves, one after the other.")
    ] = RunMode.CONTINUOUS,
    agent: Annotated[
        str | None,
        typer.Option(help="Who does the stories: simulated, human, claude, codex, opencode or aider."),
    ] = None,
    agent_command: Annotated[
        str | None,
        typer.Option(help="A command that does the stories; {order}, {result} and {worktree} are paths."),
    ] = None,
    approve_merges: Annotated[bool, typer.Option("--approve-merges", help="Ask before every merge.")] = False,
    criteria: Annotated[
        CriteriaPolicy | None,
        typer.Option(
            help="Who answers for criteria without a command; default: the repository's, or person."
        ),
    ] = None,
    reviewer: Annotated[
        str | None, typer.Option(help="The agent that reviews, with --criteria reviewer.")
    ] = None,
    gates: Annotated[
        GatePolicy | None,
        typer.Option(help="Who answers for definitions of ready and done; default: the same."),
    ] = None,
    push: Push = None,
    push_branch: PushBranch = None,
    no_push: NoPush = False,
    pull_request: PullRequest = None,
    pull_request_command: PullRequestCommand = None,
    pull_request_base: PullRequestBase = None,
    conflict_attempts: Annotated[
        int,
        typer.Option(
            min=0, max=100, help="Attempts of an agent to resolve a conflict before a person is asked."
        ),
    ] = 2,
    merge_batch: Annotated[
        int, typer.Option(min=1, max=100, help="Stories that are checked and merged together at most.")
    ] = 8,
    foreign_edits: Annotated[
        Verdict | None,
        typer.Option(help="Stories that change files of other agents; default: the repository's, or allow."),
    ] = None,
    growth: Annotated[
        Verdict | None,
        typer.Option(help="Agents that need more files than their story claimed; default: the same."),
    ] = None,
    collaboration: Annotated[
        Collaboration | None,
        typer.Option(
            help="Collaborative stories: by turns, by the first with reviews of the others, or by it alone; "
            "default: the repository's, or turns."
        ),
    ] = None,
    review_rounds: Annotated[
        int | None,
        typer.Option(min=1, max=20, help="How often the first works at most, with reviews; default: 3."),
    ] = None,
    split_stories: Annotated[
        SplitStories | None,
        typer.Option(help="Stories over several sprints: in parts, or whole in the first; default: parts."),
    ] = None,
    carry_over: Annotated[
        CarryOver | None,
        typer.Option(help="Who decides about stories that a sprint ended without; default: person."),
    ] = None,
    late_sprints: LateSprints = None,
    ahead_sprints: AheadSprints = None,
    lost_agents: LostAgentsChoice = None,
    lost_after_failures: LostAfterFailures = None,
    day_length: Annotated[
        str | None,
        typer.Option(help="What a day of the sprint lasts in a rehearsal, as 2s, 5m or 1h; default: a day."),
    ] = None,
    approve_start: Annotated[
        Before | None, typer.Option(help="Ask before the run, or each sprint; default: the repository's.")
    ] = None,
    approve_sprints: Annotated[
        bool, typer.Option("--approve-sprints", help="Ask at the end of each sprint.")
    ] = False,
    confirm_reading: Annotated[
        list[str] | None,
        typer.Option(help="Code of findings about the plan to confirm first, or * for every warning."),
    ] = None,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Run although the checkout has uncommitted changes.")
    ] = False,
    project: Annotated[str | None, typer.Option(help="Name of the project; default: the plan's.")] = None,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Run again although the same plan has ended.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return.")] = False,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Never ask here; print the questions.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print only how it ended, or began, for programs.")
    ] = False,
) -> None:
    """Run a plan to its end.

    The exit status is 0 only when every story succeeded.
    """
    order = Order(
        source=source_of(plan),
        repository=repo.expanduser().absolute() if repo else None,
        project=project,
        options=RunOptions(
            max_parallel=max_parallel,
            mode=mode,
            collaboration=collaboration,
            review_rounds=review_rounds,
            split_stories=split_stories,
            carry_over=carry_over,
            late_sprints=late_sprints,
            ahead_sprints=ahead_sprints,
            lost_agents=lost_agents,
            lost_after_failures=lost_after_failures,
            approve_merges=approve_merges,
            criteria=criteria,
            reviewer=reviewer,
            gates=gates,
            finish=FinishOptions() if no_push else None,
            finish_changes=finish_changes(
                push, push_branch, no_push, pull_request, pull_request_command, pull_request_base
            ),
            conflict_attempts=conflict_attempts,
            merge_batch=merge_batch,
            foreign_edits=foreign_edits.value if foreign_edits else None,
            growth=growth.value if growth else None,
            calendar=calendar_of(day_length),
            approve_start=approve_start.value if approve_start else None,
            approve_sprints=approve_sprints or None,
            confirm_reading=confirm_reading or None,
            allow_dirty=allow_dirty,
            agents=choose_agents(agent, agent_command),
        ),
        rerun=rerun,
        detach=detach,
        as_json=as_json,
        actor=getpass.getuser() if is_interactive() and not no_input and not as_json else None,
    )
    with kept_for_data(as_json):
        raise typer.Exit(asyncio.run(carry_out(order, load_settings())))


def calendar_of(day_length: str | None) -> CalendarOptions | None:
    """The calendar of a rehearsal; None where the repository's is to hold.

    Raises:
        ConfigurationError: it is no length.
    """
    if day_length is None:
        return None
    try:
        return CalendarOptions.model_validate({"day_length": day_length})
    except ValidationError as problem:
        said = problem.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"--day-length {day_length} is no length of a day: {said}.") from None


def choose_agents(agent: str | None, command: str | None) -> dict[str, AgentDeclaration]:
    """The agents that the options name, for every agent of the plan; empty where they name none.

    Raises:
        ConfigurationError: they contradict each other, or there is no such agent.
    """
    if agent and command:
        raise ConfigurationError("--agent and --agent-command exclude each other; give one of them.")
    if command:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise ConfigurationError(f"--agent-command cannot be split into words: {error}.") from error
        if not words:
            raise ConfigurationError("--agent-command is empty; name an executable.")
        return {EVERY_AGENT: AgentDeclaration(kind="command", command=words)}
    if agent in ("simulated", "human"):
        return {EVERY_AGENT: AgentDeclaration(kind=agent)}
    return {EVERY_AGENT: preset(agent)} if agent else {}


async def carry_out(order: Order, settings: Settings) -> int:
    """Use the API that is there, or run everything in this process for as long as it takes.

    Returns:
        The exit status.

    Raises:
        ServerUnavailable: an API was named and does not answer, or there is none to leave the run with.
    """
    async with ApiClient.of(settings) as client:
        if await client.answers():
            return await _run_with(client, order, stays=True)
        if settings.api_url:
            raise ServerUnavailable(
                f"No API answers at {settings.api_url} (PACELINE_API_URL); start it there."
            )
        if order.detach:
            raise Refused(
                "There is no API to leave the run with; start one with `paceline up` and try again."
            )
    return await _run_alone(order, settings)


async def _run_alone(order: Order, settings: Settings) -> int:
    # The API and the workers are not needed to talk to a server that runs.
    from workers.all_in_one import all_in_one, until_signal
    from workers.observing import observed

    say("No Paceline runs on this machine; everything runs in this process until the plan has ended.")
    make_home(settings)
    status = 130

    async def work() -> None:
        nonlocal status
        async with all_in_one(settings, say) as running:
            say(f"API: {running.api_url}")
            if running.ui_url:
                say(f"Temporal's UI: {running.ui_url}")
            async with ApiClient.of(settings, running.api_url) as client:
                task = asyncio.create_task(_run_with(client, order))
                try:
                    await asyncio.wait({task, running.failure}, return_when=asyncio.FIRST_COMPLETED)
                    if not task.done():
                        running.failure.result()
                    status = task.result()
                finally:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)

    # The servers' own words would disturb the terminal that shows the run.
    with observed(settings, "paceline", file=settings.home / "paceline.log"):
        await until_signal(work(), say)
    if status == 130:
        say("The run was not cancelled: the same command, or `paceline up`, goes on with it.")
    return status


async def _run_with(client: ApiClient, order: Order, stays: bool = False) -> int:
    """Start and follow a run.

    Args:
        client: of the API.
        order: what was asked for.
        stays: whether the API is there when this process has ended.
    """
    run, attached, warnings = await client.start(
        order.source.sent, order.repository, order.project, order.options, order.rerun
    )
    for warning in warnings:
        say(f"Warning: {warning}")
    say(_beginning(run, attached))
    differ = not warnings and options_differ(order.options, run.options)
    if attached and run.state is RunState.RUNNING and differ:
        say(
            "It goes on with the options and agents that it was started with, not with those of this "
            f"command; `paceline cancel {run.id}`, and this with --rerun when it has ended, begins anew."
        )
    if order.detach:
        say(f"Look at it with: paceline status {run.id}")
        if order.as_json:
            begun = {"run": run.model_dump(mode="json"), "attached": attached, "warnings": warnings}
            show_data(json.dumps(begun, indent=2, ensure_ascii=False))
        return 0
    try:
        with LiveTable() if is_interactive() and not order.as_json else Lines() as progress:
            status = await Follower(client, run.id, progress, order.actor).follow()
    except asyncio.CancelledError:
        if stays:
            say(
                f"The run goes on without you: `paceline status {run.id} --watch` shows it, "
                f"`paceline cancel {run.id}` stops it."
            )
        raise
    if order.as_json:
        show_data(status.model_dump_json(indent=2))
    else:
        await _summarise(client, status)
    return 0 if status.run.state is RunState.COMPLETED else 1


def _beginning(run: Run, attached: bool) -> str:
    if not attached:
        return f"Started {run.id}: {run.title}"
    if run.state is RunState.RUNNING:
        return f"The same plan runs already; attached to {run.id}."
    return f"The same plan has run already as {run.id}; --rerun runs it again."


def options_differ(asked: RunOptions, used: RunOptions) -> bool:
    """Whether a command asked for something that the run it attached to does not do."""
    agents = [asked.agents.get(name, asked.agents.get(EVERY_AGENT)) for name in used.agents]
    wanted = [found for found in agents if found is not None]
    return (asked.max_parallel, asked.approve_merges) != (used.max_parallel, used.approve_merges) or any(
        found not in used.agents.values() for found in wanted
    )


async def _summarise(client: ApiClient, status: ProjectStatus) -> None:
    say("")
    if not is_interactive():
        wide_console().print(stories_table(status))
    say(counts_line(status))
    merged = [story for story in status.stories if story.merge_commit]
    for story in merged:
        say(f"  {(story.merge_commit or '')[:COMMIT_DIGITS]} {story.id}: {story.title}")
    if status.run.repository and merged:
        for sprint in dict.fromkeys(story.sprint for story in merged):
            say(f"Branch: {ids.sprint_branch(status.run.id, sprint)} in {status.run.repository}")
    _, path = await client.bundle(status.run.id)
    say(f"Bundle: {path}")
