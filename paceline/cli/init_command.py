"""`paceline init`: a first `paceline.toml` and plan for the repository here."""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from paceline.agents.presets import PRESETS
from paceline.agents.toml_tables import DECLARATIONS
from paceline.cli.first_files import SIMULATED, declarations_text, plan_text
from paceline.cli.parameters import AsJson
from paceline.cli.survey import Survey, survey
from paceline.cli.terminal import printable, say
from paceline.domain.model import Model
from paceline.errors import Conflict, Refused

PLAN = "plan.md"
_KINDS = (SIMULATED, "human")


class Begun(Model):
    """What was written, from what was seen, and what comes next."""

    seen: Survey
    agent: str
    written: list[str]
    """Names of files at the top of the repository."""
    next: list[str]
    """Commands, in order."""


def init(
    agent: Annotated[
        str | None,
        typer.Option(
            help="Who does the stories: claude, codex, opencode, aider, human or simulated; "
            "default: the first that is on PATH, else simulated."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a first paceline.toml and plan.md.

    For the repository here, from what is in it; they run as they are.
    """
    if agent is not None and agent not in (*PRESETS, *_KINDS):
        known = ", ".join((*PRESETS, *_KINDS))
        raise Refused(f"There is no agent {agent!r} that `paceline init` knows; use one of {known}.")
    seen = asyncio.run(survey(Path.cwd()))
    chosen = agent or next(iter(seen.agents), SIMULATED)
    texts = {DECLARATIONS: declarations_text(seen, chosen), PLAN: plan_text(seen)}
    _write(Path(seen.repository), texts, force)
    begun = Begun(seen=seen, agent=chosen, written=list(texts), next=_next(seen))
    say(begun.model_dump_json(indent=2) if as_json else printable(_told(begun)))


def _write(top: Path, texts: dict[str, str], force: bool) -> None:
    """Write all of them, or none where one is there already.

    Raises:
        Conflict: a file is there, and it is not to be overwritten.
        Refused: the folder cannot be written.
    """
    there = [name for name in texts if os.path.lexists(top / name)]
    if there and not force:
        verb = "are" if len(there) > 1 else "is"
        raise Conflict(
            f"{' and '.join(there)} {verb} in {top} already, and nothing was written; --force overwrites."
        )
    try:
        for name, text in texts.items():
            replace_text(top / name, text)
    except OSError as error:
        raise Refused(
            f"{error.filename or top} cannot be written: {(error.strerror or str(error)).lower()}; "
            "make the folder writable."
        ) from error


def replace_text(path: Path, text: str) -> None:
    """Put a text in the place of a file, or of a link, whole or not at all."""
    made, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(made, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def _next(seen: Survey) -> list[str]:
    top = Path(seen.repository)
    cd = [] if top == Path.cwd().resolve() else [f"cd {shlex.quote(seen.repository)}"]
    files = f"git add {DECLARATIONS} {PLAN} && git commit -m 'Begin with Paceline'"
    return [
        *cd,
        f"paceline plan check {PLAN}",
        *([] if seen.commits else [files]),
        "paceline doctor",
        f"paceline run {PLAN} --repo .",
    ]


def _told(begun: Begun) -> str:
    seen = begun.seen
    languages = ", ".join(each.name for each in seen.languages) or "no language that is known"
    tests = f"tests by `{seen.test_command}`" if seen.test_command else "no test command found"
    branch = f"branch {seen.branch}" if seen.branch else "no branch checked out"
    lines = [
        f"{seen.name}: {languages}; {tests}; {branch}.",
        f"Wrote {' and '.join(begun.written)} in {seen.repository}; {_who(begun)}.",
        "Next:",
        *(f"  {command}" for command in begun.next),
    ]
    if not seen.commits:
        lines.append("The repository has no commit yet; a run begins from one.")
    return "\n".join(lines)


def _who(begun: Begun) -> str:
    if begun.agent == SIMULATED:
        why = "" if begun.seen.agents else ", as no coding agent is on PATH"
        return f"its agents are simulated{why}"
    return "people do the stories" if begun.agent == "human" else f"{begun.agent} does the stories"
