"""`paceline rollback`: merged work is taken back, and what was taken back comes back."""

from __future__ import annotations

import asyncio
import getpass
import json
from typing import Annotated, Any

import typer

from paceline.cli.completing import complete_story
from paceline.cli.parameters import Project
from paceline.cli.settings import load_settings
from paceline.cli.terminal import COMMIT_DIGITS, how_to_answer, printable, question_text, say
from paceline.client.api import ApiClient
from paceline.domain.questions import Question
from paceline.domain.rollback import Boundary, Rollback, RollbackState
from paceline.errors import ConfigurationError, Refused

_PAUSE = 0.5
"""Seconds between two looks at a rollback that is followed."""


def rollback(
    project: Project,
    story: Annotated[
        str | None,
        typer.Option("--story", help="Take this story's work back.", autocompletion=complete_story),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Return to right after this story's merge, or to `start`.")
    ] = None,
    undo: Annotated[int | None, typer.Option("--undo", min=1, help="Take back this rollback.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Show boundaries and rollbacks.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, if nothing more is at stake.")] = False,
    actor: Annotated[str | None, typer.Option(help="Who asks; default: your login name.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for what becomes of it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Take back a story, or return to an earlier state.

    Also a rollback can be taken back; history only grows.
    """
    asked = {
        name: value for name, value in (("story", story), ("to", to), ("undo", undo)) if value is not None
    }
    if len(asked) + show != 1:
        raise ConfigurationError("Give one of --story, --to, --undo and --list.")
    if show:
        asyncio.run(_show(project, as_json))
        return
    who = actor or getpass.getuser()
    body: dict[str, Any] = {**asked, "asked_by": who, "confirmed_by": who if yes else None}
    asyncio.run(_ask(project, body, detach, as_json))


async def _show(project: str, as_json: bool) -> None:
    async with ApiClient.of(load_settings()) as client:
        found, made = await client.list_boundaries(project), await client.list_rollbacks(project)
    if as_json:
        both = {
            "boundaries": [each.model_dump(mode="json") for each in found],
            "rollbacks": [each.model_dump(mode="json") for each in made],
        }
        say(json.dumps(both, indent=2))
        return
    for boundary in found:
        say(_boundary_line(boundary))
    for each in made:
        say(f"rollback {each.number}: {_line(each)}")


def _boundary_line(boundary: Boundary) -> str:
    at = f"{boundary.at.astimezone():%Y-%m-%d %H:%M}" if boundary.at else ""
    proved = f"proved by {', '.join(boundary.proved_by[:5])}" if boundary.proved_by else ""
    standing = "" if boundary.standing else "rolled back"
    parts = (boundary.story, boundary.commit[:COMMIT_DIGITS], at, standing, boundary.title, proved)
    return printable("  ".join(part for part in parts if part)).replace("\n", " ")


def _line(found: Rollback) -> str:
    what = {"story": found.target, "boundary": f"to {found.target}", "undo": f"undo {found.target}"}
    text = f"{what[found.kind.value]}, {found.state.value}, asked by {found.asked_by}"
    if found.reverted:
        text += f"; took away {', '.join(found.reverted)}"
    if found.restored:
        text += f"; brought back {', '.join(found.restored)}"
    return printable(f"{text}; {found.code}: {found.reason}" if found.code else text)


async def _ask(project: str, body: dict[str, Any], detach: bool, as_json: bool) -> None:
    async with ApiClient.of(load_settings()) as client:
        found, attached = await client.rollback(project, body)
        question: Question | None = None
        while not detach and found.state is RollbackState.OPEN and question is None:
            await asyncio.sleep(_PAUSE)
            found = (await client.list_rollbacks(project))[found.number - 1]
            opened = await client.questions(project)
            question = next((each for each in opened if each.id == found.question), None)
    if as_json:
        say(found.model_dump_json(indent=2))
    else:
        say(f"rollback {found.number}: {_line(found)}{' (it was asked for before)' if attached else ''}")
        if question is not None:
            say(f"{question_text(question)}\nAnswer it with: {how_to_answer(question)}")
    if found.state is RollbackState.REFUSED:
        raise Refused(f"Rollback {found.number} was not made: {found.reason}")
