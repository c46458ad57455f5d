"""`paceline plan amend`: what an edited plan changes of a run, and having it followed."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from paceline.cli.calling import call_api
from paceline.cli.parameters import Project
from paceline.cli.plan_files import source_of
from paceline.cli.terminal import counted, printable, say
from paceline.domain.amendment import Amendment, StoryChange
from paceline.errors import ConfigurationError, Refused


def amend(
    project: Project,
    plan: Annotated[str, typer.Argument(help="The edited plan: a file, a folder, or - for standard input.")],
    rename: Annotated[
        list[str] | None,
        typer.Option("--rename", metavar="OLD=NEW", help="The story OLD of the run is called NEW now."),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Follow it from now on, all of it or nothing.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; stands in the event log.")] = "",
    actor: Annotated[str | None, typer.Option(help="Who amends; default: your login name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what an edited plan changes of a run.

    With --apply the run follows it.
    """
    body = {
        "renames": _renames(rename or []),
        "apply": apply,
        "reason": reason,
        "actor": actor or getpass.getuser(),
    }
    source = source_of(plan)
    reply: dict[str, Any] = call_api(lambda client: client.amend(project, source.sent, body))
    if as_json:
        say(json.dumps(reply, indent=2))
        return
    found = Amendment.model_validate(reply["amendment"])
    for line in difference(found):
        say(line)
    if found.refusals:
        raise Refused(f"The run cannot follow this plan: {counted(len(found.refusals), 'refusal')} above.")
    if reply["applied"]:
        say(f"The run follows it from now on (revision {reply['revision']}).")
    elif not found.is_empty:
        say("Nothing was changed; --apply has the run follow it.")


def difference(found: Amendment) -> Iterator[str]:
    """The difference in lines: `+` added, `-` removed, `~` changed, `>` moved, `!` refused."""
    if found.is_empty:
        yield "The plan says the same as the one that the run follows."
    for sprint in found.sprints_added:
        yield f"+ sprint {printable(sprint)}"
    for sprint in found.sprints_removed:
        yield f"- sprint {printable(sprint)}"
    for story in found.added:
        yield f"+ {printable(story)}"
    for story in found.removed:
        yield f"- {printable(story)}"
    for change in found.changed:
        yield _changed(change)
    if found.other:
        yield f"~ the plan's {', '.join(name.replace('_', ' ') for name in found.other)}"
    for refusal in found.refusals:
        yield f"! {printable(refusal.reason)}"


def _changed(change: StoryChange) -> str:
    parts = [
        f"{field.name.replace('_', ' ')}: {_short(field.before)} -> {_short(field.after)}"
        for field in change.fields
    ]
    parts += [f"waits for {story}" for story in change.waits_for]
    parts += [f"waits no more for {story}" for story in change.waits_no_more_for]
    late = " (under way: holds from its next attempt)" if change.under_way else ""
    return printable(f"{'>' if change.moved else '~'} {change.story}: {'; '.join(parts)}{late}")


def _short(value: object) -> str:
    if value in (None, [], ""):
        return "nothing"
    if isinstance(value, list) and not all(isinstance(each, str) for each in value):  # pyright: ignore[reportUnknownVariableType] - JSON
        return counted(len(value), "entry", "entries")  # pyright: ignore[reportUnknownArgumentType] - JSON
    text = ", ".join(value) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType] - checked
    return text if len(text) <= 60 else f"{text[:57]}..."


def _renames(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    wrong = [old for old, sign, new in pairs if not (sign and old.strip() and new.strip())]
    if wrong:
        raise ConfigurationError(f"--rename takes OLD=NEW, two ids of a story; `{wrong[0]}` is no such pair.")
    return {old.strip(): new.strip() for old, _, new in pairs}
