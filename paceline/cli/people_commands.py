"""`paceline status`, `questions` and `answer`: what a person asks of runs that go on elsewhere."""

from __future__ import annotations

import getpass
import json
from collections.abc import Sequence
from typing import Annotated

import typer

from paceline.cli.calling import call_api
from paceline.cli.completing import complete_run
from paceline.cli.metric_commands import metrics_line
from paceline.cli.parameters import ProjectFilter, QuestionId
from paceline.cli.progress import stories_table
from paceline.cli.terminal import (
    absence_line,
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
from paceline.client.api import ApiClient
from paceline.domain.measurements import MetricsReport
from paceline.domain.model import Model
from paceline.domain.questions import Answer, Decision, Question
from paceline.domain.status import ProjectStatus, Run

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def status(
    project: Annotated[
        str | None, typer.Argument(help="Id of a run; default: all runs.", autocompletion=complete_run)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show where runs stand; with a run's id also its stories."""
    if project is None:
        _show_runs(call_api(lambda client: client.projects()), as_json)
    else:
        found, measured = call_api(lambda client: _run(client, project))
        _show_run(found, measured, as_json)


def _show_runs(runs: list[Run], as_json: bool) -> None:
    if as_json:
        say(_json(runs))
    elif not runs:
        say("There are no runs yet; start one with `paceline run PLAN --repo DIR`.")
    else:
        for line in run_lines(runs):
            say(line)


async def _run(client: ApiClient, project: str) -> tuple[ProjectStatus, MetricsReport]:
    return await client.project(project), await client.metrics(project)


def _show_run(found: ProjectStatus, measured: MetricsReport, as_json: bool) -> None:
    if as_json:
        say(found.model_dump_json(indent=2))
        return
    wide_console().print(stories_table(found))
    for agent in found.agents:
        say(
            f"agent {printable(agent.agent)}: {agent.state.value}"
            + (f", {agent.story}" if agent.story else "")
        )
    for absence in found.away:
        say(absence_line(absence))
    for pause in found.paused:
        say(pause_line(pause))
    say(counts_line(found))
    if found.end_reason:
        say(printable(f"It ended because {found.end_reason}"))
    if (line := metrics_line(measured)) is not None:
        say(printable(line))
    if found.open_questions:
        say(f"{counted(found.open_questions, 'open question')}: `paceline questions` shows what is asked.")


def questions(project: ProjectFilter = None, as_json: AsJson = False) -> None:
    """Show the open questions."""
    found = call_api(lambda client: _questions(client, project))
    if as_json:
        say(_json(found))
    elif not found:
        say("Nothing waits for a person.")
    else:
        for question in found:
            say(f"{question_text(question)}\nAnswer it with: {how_to_answer(question)}\n")


async def _questions(client: ApiClient, project: str | None) -> list[Question]:
    found = await client.questions(project)
    if project is not None and not found:
        # Of a run that is not there nothing is asked either; this refuses its name.
        await client.project(project)
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


def _json(models: Sequence[Model]) -> str:
    return json.dumps([model.model_dump(mode="json") for model in models], indent=2)
