"""`paceline status`, `questions` and `answer`: what a person asks of runs that go on elsewhere."""

from __future__ import annotations

import getpass
import json
from collections.abc import Awaitable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from paceline.cli.calling import call_api
from paceline.cli.completing import complete_run
from paceline.cli.metric_commands import metrics_line
from paceline.cli.parameters import ProjectFilter, QuestionId
from paceline.cli.progress import stories_table
from paceline.cli.terminal import (
    absence_line,
    complain,
    counted,
    counts_line,
    how_to_answer,
    pause_line,
    printable,
    question_text,
    run_lines,
    say,
    wide_console,
)
from paceline.cli.watching import View, Watch, watch
from paceline.client.api import ApiClient
from paceline.domain.measurements import MetricsReport
from paceline.domain.model import Model
from paceline.domain.questions import Answer, Decision, Question
from paceline.domain.status import ListedRun, ProjectStatus

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def status(
    project: Annotated[
        str | None, typer.Argument(help="Id of a run; default: all runs.", autocompletion=complete_run)
    ] = None,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Show where runs stand; with a run's id also its stories.

    With --watch, one run is shown until it has ended.
    """
    if project is None and follow:
        watch(View(ApiClient.projects, lambda found, _: _text(run_lines(found)), _data), as_json)
    elif project is None:
        _show_runs(call_api(lambda client: client.projects()), as_json)
    elif follow:
        watch(_view(project), as_json)
    else:
        found, measured = call_api(lambda client: _run(client, project))
        _show_run(found, measured, as_json)


Found = tuple[ProjectStatus, MetricsReport]


def _view(project: str) -> View[Found]:
    """One run until it has ended."""

    def look(client: ApiClient) -> Awaitable[Found]:
        return _run(client, project)

    def draw(found: Found, height: int) -> RenderableType:
        lines = _run_lines(*found)
        return Group(stories_table(found[0], height - len(lines) - 2), _text(lines))

    return View(
        look,
        draw,
        lambda found: found[0].model_dump(mode="json"),
        project,
        lambda found: found[0].run.ended_at is not None,
    )


def _text(lines: list[str]) -> Text:
    return Text("\n".join(lines))


def _show_runs(runs: list[ListedRun], as_json: bool) -> None:
    if as_json:
        say(_json(runs))
    elif not runs:
        complain("There are no runs yet; start one with `paceline run PLAN --repo DIR`.")
    else:
        for line in run_lines(runs):
            say(line)


async def _run(client: ApiClient, project: str) -> tuple[ProjectStatus, MetricsReport]:
    return await client.get_project(project), await client.get_metrics(project)


def _show_run(found: ProjectStatus, measured: MetricsReport, as_json: bool) -> None:
    if as_json:
        say(found.model_dump_json(indent=2))
        return
    wide_console().print(stories_table(found))
    for line in _run_lines(found, measured):
        say(line)


def _run_lines(found: ProjectStatus, measured: MetricsReport) -> list[str]:
    """What is said below the stories."""
    lines = [
        f"agent {printable(agent.agent)}: {agent.state.value}"
        + (f", {printable(agent.story)}" if agent.story else "")
        for agent in found.agents
    ]
    lines += [*map(absence_line, found.away), *map(pause_line, found.paused), counts_line(found)]
    if found.end_reason:
        lines.append(printable(f"It ended because {found.end_reason}"))
    if (line := metrics_line(measured)) is not None:
        lines.append(printable(line))
    if found.open_questions:
        count = counted(found.open_questions, "open question")
        lines.append(f"{count}: `paceline questions` shows what is asked.")
    return lines


def questions(project: ProjectFilter = None, follow: Watch = False, as_json: AsJson = False) -> None:
    """Show the open questions."""
    if follow:
        watch(View(lambda client: _questions(client, project), _asked, _data, project), as_json)
        return
    found = call_api(lambda client: _questions(client, project))
    if as_json:
        say(_json(found))
    elif not found:
        complain("Nothing waits for a person.")
    else:
        for question in found:
            say(f"{question_text(question)}\nAnswer it with: {how_to_answer(question)}\n")


def _asked(found: list[Question], _height: int) -> Text:
    said = [f"{question_text(each)}\nAnswer it with: {how_to_answer(each)}\n" for each in found]
    return _text(said or ["Nothing waits for a person."])


async def _questions(client: ApiClient, project: str | None) -> list[Question]:
    found = await client.questions(project)
    if project is not None and not found:
        # Of a run that is not there nothing is asked either; this refuses its name.
        await client.get_project(project)
    return found


def answer(
    question: QuestionId,
    decision: Annotated[Decision, typer.Argument(help="What each means stands beside the question.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(help="A text, which reaches the agent word for word; with choose the options."),
    ] = None,
    text: Annotated[str, typer.Option(help="A text beside what is chosen.")] = "",
    actor: Annotated[str | None, typer.Option(help="Who answers; default: your login name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question."""
    given = given_answer(question, decision, words or [], text, actor or getpass.getuser())
    reply = call_api(lambda client: client.answer(given))
    say(json.dumps(reply, indent=2) if as_json else str(reply["message"]))


def given_answer(question: str, decision: Decision, words: list[str], text: str, actor: str) -> Answer:
    """An answer as it was typed: words are options with `choose`, and otherwise the text."""
    chosen = words if decision is Decision.CHOOSE else []
    said = text if decision is Decision.CHOOSE else " ".join([*words, *([text] if text else [])])
    return Answer(question=question, decision=decision, text=said, actor=actor, chosen=chosen)


def _data(models: Sequence[Model]) -> list[dict[str, Any]]:
    return [model.model_dump(mode="json") for model in models]


def _json(models: Sequence[Model]) -> str:
    return json.dumps(_data(models), indent=2, ensure_ascii=False)
