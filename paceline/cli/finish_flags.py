"""The options of `paceline run` that say what happens with a sprint's branch at its end."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer
from pydantic import ValidationError

from paceline.domain.finish import GITHUB, FinishChanges
from paceline.errors import ConfigurationError

Push = Annotated[
    str | None, typer.Option(help="Push each sprint's branch to this remote; default: the repository's.")
]
PushBranch = Annotated[
    str | None,
    typer.Option(help="Its name there; {project} and {sprint} stand for their slugs. Default: as here."),
]
NoPush = Annotated[
    bool, typer.Option("--no-push", help="Push nothing, whatever the repository's paceline.toml says.")
]
PullRequest = Annotated[
    bool | None,
    typer.Option(
        "--pull-request/--no-pull-request",
        help="Open a pull request with gh, or none; default: the repository's.",
    ),
]
PullRequestCommand = Annotated[
    str | None,
    typer.Option(help="Another command that opens it; {branch}, {base}, {title} and {body_file} are filled."),
]
PullRequestBase = Annotated[
    str | None, typer.Option(help="The branch that it is for; default: the one that is checked out.")
]


def finish_changes(
    push: str | None,
    branch: str | None,
    no_push: bool,
    pull_request: bool | None,
    command: str | None,
    base: str | None,
) -> FinishChanges | None:
    """What the options want otherwise than the repository; None where they say nothing.

    Raises:
        ConfigurationError: they contradict each other, or the command has a place that is not known.
    """
    wanted = _pull_request(pull_request, command)
    said = (push, branch, wanted, base)
    if all(each is None for each in said):
        return None
    if no_push and (push or branch or wanted or base):
        raise ConfigurationError("--no-push excludes the options for a push and a pull request.")
    try:
        return FinishChanges(push=push, branch=branch, base=base, pull_request=wanted)
    except ValidationError as problem:
        said = problem.errors(include_url=False, include_input=False)[0]["msg"]
        raise ConfigurationError(f"--pull-request-command: {said}.") from None


def _pull_request(wanted: bool | None, command: str | None) -> list[str] | None:
    """The words of the command; empty for none, None where the options do not say."""
    if command is None:
        return None if wanted is None else GITHUB if wanted else []
    if wanted is False:
        raise ConfigurationError("--no-pull-request and --pull-request-command exclude each other.")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigurationError(f"--pull-request-command cannot be split into words: {error}.") from error
    if not words:
        raise ConfigurationError("--pull-request-command is empty; name an executable.")
    return words
