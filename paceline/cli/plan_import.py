"""`paceline plan import`: stories from CSV as a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from paceline.cli.init_command import replace_text
from paceline.cli.parameters import AsJson
from paceline.cli.plan_files import UNREADABLE, source_of
from paceline.cli.terminal import complain, counted, say, show_data
from paceline.errors import Conflict, Refused
from paceline.plans.csv_stories import CsvError, read_stories
from paceline.plans.markdown_writer import read_back, write_markdown

_TITLE_LIMIT = 200


def import_stories(
    stories: Annotated[str, typer.Argument(metavar="STORIES", help="A CSV file, or - for standard input.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The plan's file; default: standard output.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Of the plan; default: the file's name.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a plan of the stories in a CSV file.

    Every line that is wrong is named, and then nothing is written.
    """
    named = " ".join((title or Path(stories if stories != "-" else "Stories").stem).split())[:_TITLE_LIMIT]
    found, errors = read_stories(source_of(stories).text)
    text = "" if errors else write_markdown(found, named)
    errors = errors or read_back(text, found)
    if errors:
        _tell(stories, errors, as_json)
        raise typer.Exit(UNREADABLE)
    if output is not None:
        _write(output, text, force)
    if as_json:
        told: dict[str, object] = {"stories": len(found), "errors": list[object]()}
        told |= {"file": str(output)} if output else {"file": None, "plan": text}
        show_data(json.dumps(told, indent=2, ensure_ascii=False))
    elif output is None:
        say(text.rstrip("\n"))
    else:
        say(f"{counted(len(found), 'story', 'stories')} in {output}; `paceline plan check {output}` is next.")


def _tell(file: str, errors: list[CsvError], as_json: bool) -> None:
    if as_json:
        told: dict[str, object] = {
            "stories": 0,
            "errors": [each.model_dump(mode="json") for each in errors],
            "file": None,
        }
        show_data(json.dumps(told, indent=2, ensure_ascii=False))
    for each in errors:
        column = f" column {each.column}:" if each.column else ""
        complain(f"{file}:{each.line}:{column} {each.message}; {each.remedy}.")
    complain(f"{counted(len(errors), 'error')}; nothing was written.")


def _write(output: Path, text: str, force: bool) -> None:
    if output.exists() and not force:
        raise Conflict(f"{output} is there already, and nothing was written; --force overwrites it.")
    try:
        replace_text(output, text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Refused(f"{output} cannot be written ({reason}); name another file.") from error
