"""`paceline plan preview`: how a plan would run, and when it would end."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from paceline.agents.registry import declaration_for, load_declarations
from paceline.cli.plan_files import (
    FAILED,
    JsonOption,
    LoadedPlan,
    PlanArgument,
    load_source,
    place_of,
)
from paceline.cli.plan_findings import print_findings
from paceline.cli.plan_preview_text import show_preview
from paceline.cli.terminal import wide_console
from paceline.domain.durations import Pace
from paceline.domain.forecast import forecast
from paceline.domain.forecast_report import Finish, Forecast
from paceline.domain.network import Limits
from paceline.domain.plan import Plan
from paceline.domain.schedule import preview as preview_of
from paceline.errors import ConfigurationError
from paceline.plans.lint import check_plan
from paceline.plans.mermaid import to_mermaid


def preview(
    plan: PlanArgument,
    as_json: JsonOption = False,
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="Print the graph for Mermaid.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Print every story of a large plan.")] = False,
    pace: Annotated[
        list[str] | None,
        typer.Option(metavar="[AGENT=]POINTS", help="Points a working day, of all or of one agent."),
    ] = None,
    spread: Annotated[
        float | None, typer.Option(min=0, max=3, help="How much stories vary (sigma of the logarithm).")
    ] = None,
    common_spread: Annotated[
        float | None, typer.Option(min=0, max=3, help="How much the pace of all varies together.")
    ] = None,
    concurrency: Annotated[
        list[str] | None,
        typer.Option(metavar="[AGENT=]STORIES", help="Stories at once, of all agents or of one."),
    ] = None,
    max_parallel: Annotated[int, typer.Option(min=1, help="The most stories at work at once.")] = 4,
    config: Annotated[
        Path | None, typer.Option(help="A paceline.toml: concurrency of the agents, and who is human.")
    ] = None,
    batch: Annotated[bool, typer.Option("--batch", help="A wave starts when the last one ended.")] = False,
    optional_sprints: Annotated[
        bool, typer.Option("--optional-sprints", help="Run the optional sprints too.")
    ] = False,
    by: Annotated[
        list[float] | None, typer.Option(metavar="DAYS", help="Say how likely the end by this day is.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
    rounds: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="Default: 1000, of large plans fewer.")
    ] = None,
) -> None:
    """Show how a plan would run, and when it would end.

    That is: waves, critical path, load, and contended files.
    """
    loaded = load_source(plan)
    found = loaded.plan
    _refuse_errors(plan, loaded)
    if as_mermaid:
        sys.stdout.write(to_mermaid(found))
        return
    speeds, default_speed = _numbers("--pace", pace, 1.0)
    counts, default_count = _numbers("--concurrency", concurrency, 1.0)
    try:
        rates = Pace(default=default_speed, agents=speeds)
        rates.spread = rates.spread if spread is None else spread
        rates.common_spread = rates.common_spread if common_spread is None else common_spread
        limits = Limits(
            max_parallel=max_parallel,
            default_concurrency=_whole("--concurrency", default_count),
            mode="batch" if batch else "continuous",
            optional_sprints=optional_sprints,
        )
    except ValidationError as problem:
        raise ConfigurationError(f"{problem.errors()[0]['msg']}.") from None
    if config is not None:
        _configure(limits, found, config)
    limits.concurrency |= {name: _whole("--concurrency", count) for name, count in counts.items()}
    _known(found, [*speeds, *counts])
    result = preview_of(found)
    expected = forecast(found, rates, limits, seed, rounds, by=by or [])
    apart = _if_files_were_named(found, expected)
    if as_json:
        whole = {**result.model_dump(), "forecast": expected.model_dump()}
        whole["finish_if_files_were_named"] = apart and apart.model_dump()
        sys.stdout.write(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
        return
    show_preview(wide_console(), found, result, expected, apart, everything=everything)


def _refuse_errors(argument: str, loaded: LoadedPlan) -> None:
    findings = [each for each in check_plan(loaded.plan, loaded.texts) if each.severity == "error"]
    if findings:
        console = Console(stderr=True, soft_wrap=True)
        print_findings(console, findings, lambda file: place_of(argument, file), everything=True)
        raise typer.Exit(FAILED)


def _if_files_were_named(plan: Plan, expected: Forecast) -> Finish | None:
    """The end if no story took the whole repository; None where none does, or it is the only one."""
    said = expected.assumptions
    if not said.whole_repository or len(expected.schedule) < 2:
        return None
    limits = said.limits.model_copy(update={"whole_repository": False})
    return forecast(plan, said.pace, limits, said.seed, said.rounds).finish


def _numbers(option: str, written: list[str] | None, default: float) -> tuple[dict[str, float], float]:
    """`5` for everybody and `Name=5` for one."""
    named: dict[str, float] = {}
    for each in written or []:
        name, equals, text = each.rpartition("=")
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (0 < number < math.inf) or (equals and not name.strip()):
            raise ConfigurationError(f"{option} {each} is not a number above zero, nor AGENT=NUMBER.")
        if equals:
            named[name.strip()] = number
        else:
            default = number
    return named, default


def _whole(option: str, number: float) -> int:
    if number != int(number):
        raise ConfigurationError(f"{option} {number:g} is not a whole number of stories.")
    return int(number)


def _known(plan: Plan, names: list[str]) -> None:
    team = dict.fromkeys([*(agent.id for agent in plan.agents), *(a for s in plan.stories for a in s.agents)])
    for name in names:
        if name not in team:
            raise ConfigurationError(
                f"The plan has no agent {name}; it names {', '.join(team) or 'none'}.", agent=name
            )


def _configure(limits: Limits, plan: Plan, config: Path) -> None:
    """What the agents' declarations say about how much each does at once."""
    try:
        declarations = load_declarations(config.read_text(encoding="utf-8-sig"), str(config))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{config} cannot be read ({error}); name a paceline.toml.") from error
    for name in dict.fromkeys(agent for story in plan.stories for agent in story.agents):
        declaration = declaration_for(name, declarations)
        if declaration is not None:
            limits.concurrency[name] = declaration.concurrency
            limits.people += [name] if declaration.kind == "human" else []
