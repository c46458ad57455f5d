"""The help fits a terminal of 80 columns: no line of a list of commands is cut off."""

from __future__ import annotations

from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from paceline.cli.main import app


def groups() -> list[tuple[str, ...]]:
    """Every command that has commands, by the words that call it."""
    found: list[tuple[str, ...]] = []
    left: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    while left:
        words, command = left.pop()
        if isinstance(command, TyperGroup):
            found.append(words)
            left += [((*words, name), inner) for name, inner in command.commands.items()]
    return found


@pytest.mark.parametrize("words", groups(), ids=" ".join)
def test_no_command_is_described_with_an_ellipsis(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
    listed = shown.stdout.split("Commands:")[1].splitlines()
    assert len(listed) > 2
    assert [line for line in listed if line.endswith(("...", "…"))] == []
    assert max(map(len, listed)) <= 80
