"""`paceline check-completion`: whether a run is complete, and what is missing."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from paceline.cli.calling import call_api
from paceline.cli.parameters import Project
from paceline.cli.terminal import printable, say

NOT_COMPLETE = 1


def check_completion(
    project: Project,
    actor: Annotated[str | None, typer.Option(help="Who asks; default: your login name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Look whether a run is complete by its criteria.

    Says what is to be done for it to be.
    """
    who = actor or getpass.getuser()
    found = call_api(lambda client: client.check_completion(project, actor=who))
    if as_json:
        say(found.model_dump_json(indent=2))
    elif found.complete:
        say(printable(f"{project} is complete."))
    else:
        lines = [f"{project} is not complete:", *(f"- {step}" for step in found.next_steps)]
        say(printable("\n".join(lines)))
    if not found.complete:
        raise typer.Exit(NOT_COMPLETE)
