"""`paceline doctor`: what is wrong with the set-up, and what to do about it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from paceline.cli.settings import load_settings
from paceline.cli.terminal import printable, say, wide_console

_COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}
FOUND_PROBLEMS = 1


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Look at this machine and repository for what is wrong.

    Exits with 1 where runs cannot work; nothing is changed.
    """
    # What it looks at brings the whole server side along, which a shell that completes has no time for.
    from paceline.cli.doctor_checks import Verdict, diagnose

    found = asyncio.run(diagnose(load_settings(), Path.cwd()))
    if as_json:
        say(json.dumps([each.model_dump(mode="json") for each in found], indent=2, ensure_ascii=False))
    else:
        console = wide_console()
        for each in found:
            word = each.verdict.value
            line = Text(f"{word:<8}", style=_COLOURS[word])
            line.append(f"{each.name}: {printable(each.text)}", style="default")
            console.print(line)
    if any(each.verdict is Verdict.PROBLEM for each in found):
        raise typer.Exit(FOUND_PROBLEMS)
