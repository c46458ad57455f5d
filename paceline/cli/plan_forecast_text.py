"""A forecast for people: what it rests on, its distribution, and who does what when."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from paceline.cli.plan_chart import histogram, lane, lanes, percent, scale
from paceline.cli.plan_sections import SHOWN_IDS, grid, heading, listed, plain, say
from paceline.cli.terminal import counted
from paceline.domain.forecast_report import Chance, Forecast

_BAR, _LABEL, _LANE_STORIES, _LANES, _NARROWEST = 30, 24, 120, 24, 24
"""Columns of the longest bar and of an agent's name; stories and rows that are drawn, on so many columns."""
_STEPS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)


def show_forecast(console: Console, forecast: Forecast) -> None:
    """Print when the plan ends."""
    finish = forecast.finish
    heading(console, f"Forecast: half of the rounds end by day {finish.p50:.1f}, 80% by day {finish.p80:.1f}")
    for line in _assumed(forecast):
        say(console, line, "dim")
    table = grid(">Working days", "", ">Rounds", ">So far")
    width = min(_BAR, max(8, console.width - 40))
    for days, drawn, share, so_far in histogram(finish.histogram, width):
        table.add_row(days, Text(drawn, style="cyan"), share, so_far)
    console.print(table)
    say(
        console,
        f"10% by {finish.p10:.1f}, 50% by {finish.p50:.1f}, 80% by {finish.p80:.1f}, "
        f"90% by {finish.p90:.1f}, 95% by {finish.p95:.1f}; "
        f"mean {finish.mean:.1f}, from {finish.min:.1f} to {finish.max:.1f}.",
    )
    say(
        console,
        f"Day {forecast.expected:.1f} if every story takes exactly its expected time; "
        f"day {forecast.lower_bound:.1f} if dependencies alone count.",
    )
    for chance in forecast.chances:
        say(console, _chance_line(chance), "bold")
    _sprint_ends(console, forecast)
    _most_critical(console, forecast)


def _chance_line(chance: Chance) -> str:
    days = f"{chance.days:g} working days"
    if chance.why == "asked for":
        return f"Within {days}: {percent(chance.probability)} of the rounds."
    return f"Within the {days} that the plan's sprints have: {percent(chance.probability)} of the rounds."


def _assumed(forecast: Forecast) -> Iterator[str]:
    said = forecast.assumptions
    paces = "".join(f", {plain(name)} {pace:g}" for name, pace in said.pace.agents.items())
    unit = "point" if said.pace.default == 1 else "points"
    yield (
        f"{counted(said.rounds, 'round')}, seed {said.seed}. "
        f"Pace: {said.pace.default:g} {unit} a working day for each agent{paces}. "
        f"At most {said.limits.max_parallel} at once, {said.limits.mode}."
    )
    yield (
        f"Durations are lognormal: spread {said.pace.spread:g} for a story, "
        f"{said.pace.common_spread:g} for all together. "
        "Retries, checks and the time people need are not in it."
    )
    if said.points_assumed is not None:
        count = counted(len(said.stories_without_points), "story", "stories")
        yield f"{count} without points: counted with {said.points_assumed:g}, the median of the others or 1."
    if said.sprints_left_out:
        yield f"Optional, not in it: {listed(said.sprints_left_out)}."
    if not said.exact:
        yield "So many globs overlap that conflicts between files are in it only roughly."


def _sprint_ends(console: Console, forecast: Forecast) -> None:
    if len(forecast.sprints) < 2:
        return
    console.print()
    table = grid("Sprint", ">Stories", ">50% by", ">80% by", ">90% by")
    for sprint in forecast.sprints:
        table.add_row(
            Text(plain(sprint.sprint or "")),
            str(sprint.stories),
            f"{sprint.p50:.1f}",
            f"{sprint.p80:.1f}",
            f"{sprint.p90:.1f}",
        )
    console.print(table)


def _most_critical(console: Console, forecast: Forecast) -> None:
    always = [each for each in forecast.critical if each.index == 1]
    if len(always) == len(forecast.schedule) > 1:
        say(console, "Every story decides the end in every round: they run one after the other.")
        return
    shown = ", ".join(f"{plain(each.story)} {percent(each.index)}" for each in forecast.critical[:SHOWN_IDS])
    say(console, f"Most critical (share of the rounds in which it decides the end): {shown}.")


def show_lanes(console: Console, forecast: Forecast, *, everything: bool) -> None:
    """Print the schedule without uncertainty, a row for each agent, where it fits the console or must."""
    rows = lanes(forecast.schedule, "(no agent)")
    fits = len(forecast.schedule) <= _LANE_STORIES and len(rows) <= _LANES
    if not forecast.expected or not (fits or everything):
        return
    label = min(_LABEL, max(len(plain(name)) for name, _ in rows))
    width = console.width - label - 6
    if width < _NARROWEST:
        return
    heading(console, "Who does what when, if every story takes its expected time (working days)")
    step = next((step for step in _STEPS if forecast.expected / step <= width / 8), _STEPS[-1])
    say(console, f"{'':<{label}}  {scale(forecast.expected, width, step)}", "dim")
    for name, stories in rows:
        drawn = lane(stories, forecast.expected, width)
        console.print(
            Text.assemble(f"  {_cut(plain(name), label):<{label}}  ", (drawn, "cyan")), soft_wrap=True
        )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
