"""`paceline plan propose`: let a model propose a plan for notes, as a file that a person reviews."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from paceline.agents.model import ModelClient
from paceline.agents.model_declaration import choose_model
from paceline.cli.models import find_models
from paceline.cli.parameters import AsJson
from paceline.cli.plan_source import PlanSource, read_source
from paceline.cli.plan_story_list import story_lines
from paceline.cli.settings import load_settings
from paceline.cli.terminal import complain, counted, kept_for_data, printable, say, show_data
from paceline.domain.plan import Plan
from paceline.errors import ConfigurationError, ModelError, PlanUnreadable, Refused
from paceline.plans.findings import Code
from paceline.plans.proposal import proposal_text
from paceline.plans.proposal import propose as propose_plan
from paceline.plans.reader import read_plan

INTERRUPTED = 130
_SHOWN = 20
"""Remarks that are printed at once."""

NotesArgument = Annotated[str, typer.Argument(metavar="NOTES", help="A text, or - for standard input.")]
ModelOption = Annotated[
    str | None,
    typer.Option("--with-model", metavar="NAME", help="A model of paceline.toml; the only one, if one."),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", help="File to write; default: beside NOTES, ending in .proposed.yaml."),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]


def propose(
    notes: NotesArgument,
    with_model: ModelOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    as_json: AsJson = False,
) -> None:
    """Let a model propose a plan for notes.

    It is a file for you to review, and does not run before.
    """
    with kept_for_data(as_json):
        plan, target = _propose(notes, with_model, output, force)
        _report(plan, target)
    if as_json:
        told = {"file": str(target), "stories": len(plan.stories), "remarks": _doubts(plan)}
        show_data(json.dumps(told, indent=2, ensure_ascii=False))


def _propose(notes: str, with_model: str | None, output: Path | None, force: bool) -> tuple[Plan, Path]:
    """Ask the model, and write what it proposes; returns that and its file."""
    models = find_models(load_settings())
    name = choose_model(models.declared, with_model, models.place)
    declaration = models.declared[name]
    key = declaration.key(os.environ)
    source = _read(notes)
    target = output or _beside(notes)
    if target.exists() and not force:
        raise Refused(f"{target} is there already; review it, name another with --output, or add --force.")
    _remark_if_readable(source)
    place = declaration.url.partition("://")[2]
    what = f"{source.name or 'the text'} ({len(source.text):,} characters)"
    with _progress(printable(f"Asking model `{name}` at {place} for a plan of {what}")) as tell:

        async def ask() -> Plan:
            async with ModelClient(name, declaration, key, say=tell) as client:
                return (await propose_plan(source.text, source.name, name, client.ask, tell)).plan

        try:
            plan = asyncio.run(ask())
        except KeyboardInterrupt:
            tell("Stopped; nothing was written.")
            raise typer.Exit(INTERRUPTED) from None
        except ModelError as error:
            raise _with_answer_kept(error, target) from None
    _write(target, proposal_text(plan, name, target.name))
    return plan, target


def _read(notes: str) -> PlanSource:
    try:
        source = read_source(notes)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PlanUnreadable(f"{notes} cannot be read ({reason}); give the path of a text.") from None
    if source.is_folder:
        raise PlanUnreadable(f"{notes} is a folder; give the path of one text in it.")
    return source


def _beside(notes: str) -> Path:
    return Path("plan.proposed.yaml") if notes == "-" else Path(notes).with_suffix(".proposed.yaml")


def _remark_if_readable(source: PlanSource) -> None:
    """Say it where no model is needed; the person may want one all the same."""
    try:
        plan = read_plan(source.text, source.name)
    except PlanUnreadable:
        return
    stories = counted(len(plan.stories), "story", "stories")
    complain(
        f"{source.name or 'The text'} can be read without a model too, as {plan.source.kind}: {stories} "
        "(`paceline plan show`)."
    )


@contextmanager
def _progress(sentence: str) -> Generator[Callable[[str], None]]:
    """Says what is waited for, and on a terminal for how long; yields what tells more meanwhile."""
    console = Console(stderr=True, soft_wrap=True)
    if not console.is_terminal:
        complain(f"{sentence}; this may take some minutes.")
        yield complain
        return
    complain(f"{sentence}.")
    columns = (SpinnerColumn(), TextColumn("waiting for the answer"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task("")
        yield lambda told: console.print(Text(told))


def _with_answer_kept(error: ModelError, target: Path) -> ModelError:
    """The same error after the model's answer, if there is one, went into a file that the sentence names."""
    answer = error.details.pop("answer", None)
    if not answer:
        return error
    kept = target.with_name(f"{target.name}.answer.txt")
    _write(kept, str(answer))
    return type(error)(f"{error.message.rstrip('.')}; the answer is kept in {kept}.", **error.details)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(
            f"{path} cannot be written ({reason}); name another with --output."
        ) from None


def _doubts(plan: Plan) -> list[str]:
    return [each.message for each in plan.warnings if each.code == Code.PROPOSAL_NOT_IN_TEXT]


def _report(plan: Plan, target: Path) -> None:
    doubts = _doubts(plan)
    say(f"{target}: {counted(len(plan.stories), 'story', 'stories')}, not reviewed.")
    for line in story_lines(plan):
        say(line)
    if doubts:
        say(f"{counted(len(doubts), 'remark')} on what the notes do not say:")
    for doubt in doubts[:_SHOWN]:
        say(f"  {printable(doubt)}")
    if len(doubts) > _SHOWN:
        say(f"  and {len(doubts) - _SHOWN} more; `paceline plan check` lists them.")
    command = shlex.join(["paceline", "plan", "accept", str(target)])
    say(f"Compare it with the notes and correct it, then: {command}")
    sys.stdout.flush()
