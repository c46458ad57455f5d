"""`paceline export`: tables of a run as CSV."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from paceline.cli.calling import call_api
from paceline.cli.parameters import Project
from paceline.cli.terminal import say
from paceline.domain.exports import ExportTable
from paceline.errors import Refused


def export(
    project: Project,
    table: Annotated[ExportTable, typer.Argument(help="What to export.")],
    output: Annotated[
        Path | None, typer.Option(help="Write to this file, whole or not at all; default: standard output.")
    ] = None,
) -> None:
    """Export a table of a run as CSV."""
    if output is None:
        _fetch(project, table, lambda part: _write(sys.stdout.buffer.write, part))
        sys.stdout.flush()
        return
    try:
        with tempfile.NamedTemporaryFile(dir=output.absolute().parent, delete=False) as scratch:
            try:
                _fetch(project, table, scratch.write)
                scratch.flush()
                os.replace(scratch.name, output)
            except BaseException:
                Path(scratch.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise Refused(f"{output} cannot be written: {error.strerror}; name another file.") from error
    say(f"{table.value} of {project}: {output}")


def _fetch(project: str, table: ExportTable, write: Callable[[bytes], object]) -> None:
    call_api(lambda client: client.export(project, table, write))


def _write(write: Callable[[bytes], object], part: bytes) -> None:
    try:
        write(part)
    except BrokenPipeError:
        # Who reads has enough, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
