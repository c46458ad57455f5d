"""A preview for people: short enough to read, whatever the size of the plan."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from paceline.cli.plan_chart import bar, percent
from paceline.cli.plan_forecast_text import show_forecast, show_lanes
from paceline.cli.plan_sections import grid, heading, listed, more, plain, say
from paceline.cli.terminal import counted
from paceline.domain.forecast_report import Finish, Forecast
from paceline.domain.graph import stories_by_id
from paceline.domain.plan import Plan, Story
from paceline.domain.schedule import Preview, SprintWaves

_STORIES, _WAVES, _ROWS = 60, 12, 12
"""Up to so many stories stand one by one; so many waves, and so many agents and paths, are printed."""


def show_preview(
    console: Console,
    plan: Plan,
    preview: Preview,
    forecast: Forecast,
    apart: Finish | None,
    *,
    everything: bool,
) -> None:
    """Print all sections.

    Args:
        console: where to; its width decides about columns.
        plan: the plan.
        preview: its waves, path, load and contention.
        forecast: when it ends.
        apart: when it would end if all stories named their files; None where they do.
        everything: print every story, agent and path, however many there are.
    """
    most = len(plan.stories) + len(preview.contention) + 1 if everything else _ROWS
    _title(console, plan, preview)
    if not forecast.schedule:
        console.print(Text("Nothing is left to do." if plan.stories else "There are no stories."))
        return
    _waves(console, plan, preview, everything=everything)
    _critical_path(console, plan, preview, everything=everything)
    _load(console, preview, forecast, most)
    _contention(console, preview, forecast, apart, most)
    show_forecast(console, forecast)
    show_lanes(console, forecast, everything=everything)


def _title(console: Console, plan: Plan, preview: Preview) -> None:
    done = f", {len(preview.done)} of them done" if preview.done else ""
    counts = f"{counted(len(plan.stories), 'story', 'stories')}{done}, {counted(len(preview.waves), 'wave')}"
    console.print(Text(plain(plan.title), style="bold"))
    console.print(Text(counts))


# Waves ---


def _waves(console: Console, plan: Plan, preview: Preview, *, everything: bool) -> None:
    heading(console, "Waves: what could start together, if dependencies alone decided")
    stories = stories_by_id(plan)
    names = {sprint.id: sprint.name for sprint in plan.sprints}
    several = len(preview.sprints) > 1
    left = sum(len(wave) for wave in preview.waves)
    number = 0
    for sprint in preview.sprints:
        if several:
            say(console, _sprint_line(sprint, names.get(sprint.sprint or ""), stories), "cyan")
        if everything or left <= _STORIES:
            _each_story(console, sprint, number, stories)
        else:
            _each_wave(console, sprint, number, stories)
        number += len(sprint.waves)


def _sprint_line(sprint: SprintWaves, name: str | None, stories: dict[str, Story]) -> str:
    ids = [story for wave in sprint.waves for story in wave]
    title = f"{sprint.sprint}: {name}" if name and name != sprint.sprint else sprint.sprint or ""
    optional = " (optional, left out of the forecast unless asked for)" if sprint.optional else ""
    return f"{plain(title)}, {_amount(ids, stories)}{optional}"


def _amount(ids: Sequence[str], stories: dict[str, Story]) -> str:
    points = [points for story in ids if (points := stories[story].points) is not None]
    worth = f", {sum(points):g} points" if points else ""
    return counted(len(ids), "story", "stories") + worth


def _each_story(console: Console, sprint: SprintWaves, number: int, stories: dict[str, Story]) -> None:
    table = grid("", "", "", "", "")
    table.columns[0].justify = table.columns[3].justify = "right"
    for place, wave in enumerate(sprint.waves, number + 1):
        for story in wave:
            found = stories[story]
            points = "" if found.points is None else f"{found.points:g}"
            title = "" if found.title == story else plain(found.title)
            table.add_row(
                str(place) if story == wave[0] else "",
                Text(plain(story)),
                Text(title),
                points,
                Text(plain(" + ".join(found.agents)), style="dim"),
            )
    console.print(table)


def _each_wave(console: Console, sprint: SprintWaves, number: int, stories: dict[str, Story]) -> None:
    table = grid("", "", "")
    table.columns[0].justify = "right"
    for place, wave in enumerate(sprint.waves[:_WAVES], number + 1):
        table.add_row(str(place), _amount(wave, stories), Text(listed(wave), style="dim"))
    console.print(table)
    if len(sprint.waves) > _WAVES:
        say(console, f"  and {len(sprint.waves) - _WAVES} more waves (--all prints every story)", "dim")


def _critical_path(console: Console, plan: Plan, preview: Preview, *, everything: bool) -> None:
    path = [plain(story) for story in preview.critical_path]
    if not everything and len(path) > 2 * _ROWS:
        path = [*path[:_ROWS], f"({len(path) - _ROWS - 3} more)", *path[-3:]]
    stories = counted(len(preview.critical_path), "story", "stories")
    unit = "point" if preview.critical_points == 1 else "points"
    heading(console, f"Critical path, {preview.critical_points:g} {unit}: {stories}")
    say(console, " → ".join(path))
    if any(story.points is None for story in plan.stories):
        say(console, "Stories without points count one point each on the critical path.", "dim")


# Agents and files ---


def _load(console: Console, preview: Preview, forecast: Forecast, most: int) -> None:
    if not preview.agents:
        return
    heading(console, "Agents: what the plan gives them, and how much of the time they work on average")
    use = {each.agent: each for each in forecast.agents}
    table = grid("Agent", ">Stories", ">Points", ">At once", ">Days", "Busy")
    loads = sorted(preview.agents, key=lambda load: -(use[load.agent].busy_days if load.agent in use else 0))
    for load in loads[:most]:
        own = use.get(load.agent)
        table.add_row(
            Text(plain(load.agent)),
            str(len(load.stories)),
            f"{load.points:g}",
            str(own.concurrency) if own else "",
            f"{own.busy_days:.1f}" if own else "",
            f"{bar(own.share, 10):<10} {percent(own.share)}" if own else "",
        )
    console.print(table)
    more(console, len(loads) - most, "agent")


def _contention(
    console: Console, preview: Preview, forecast: Forecast, apart: Finish | None, most: int
) -> None:
    whole = forecast.assumptions.whole_repository
    if not preview.contention and not whole:
        return
    heading(console, "Files that several stories change: they take turns")
    if preview.contention:
        table = grid("Path", "Stories")
        for contention in preview.contention[:most]:
            table.add_row(Text(plain(contention.pattern)), Text(listed(contention.stories)))
        console.print(table)
        more(console, len(preview.contention) - most, "path")
    if not preview.contention_complete:
        say(console, "So many globs overlap that not every pair was looked at.", "yellow")
    if whole:
        verb = "names no files or all, and takes" if len(whole) == 1 else "name no files or all, and take"
        line = f"{counted(len(whole), 'story', 'stories')} {verb} the whole repository, one at a time."
        say(console, line, "yellow")
    if apart is not None and apart.p80 < forecast.finish.p80:
        say(
            console,
            f"If each named files of its own, 80% of the rounds would end by day {apart.p80:.1f} "
            f"instead of {forecast.finish.p80:.1f}.",
            "yellow",
        )
