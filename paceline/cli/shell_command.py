"""`paceline completion`: the script that teaches a shell to complete its commands."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script  # pyright: ignore[reportPrivateImportUsage]

from paceline.cli.terminal import say

_PROGRAM = "paceline"


class Shell(StrEnum):
    """The shells that there is a script for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


def completion(shell: Annotated[Shell, typer.Argument(help="For which shell.")]) -> None:
    """Print the completion script of a shell.

    For bash, in ~/.bashrc: eval "$(paceline completion bash)".
    """
    variable = f"_{_PROGRAM.upper()}_COMPLETE"
    say(get_completion_script(prog_name=_PROGRAM, complete_var=variable, shell=shell.value))
