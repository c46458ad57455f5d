"""What happens with a sprint's branch at the end of the sprint: nothing, a push, a pull request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import Field, field_validator, model_validator

from paceline.domain.model import Model

PLACES = ("branch", "base", "title", "body_file")
"""What `{...}` may stand for in the words of a pull request's command."""
GITHUB = [
    *("gh", "pr", "create"),
    *("--head", "{branch}"),
    *("--base", "{base}"),
    *("--title", "{title}"),
    *("--body-file", "{body_file}"),
]
"""Opens a pull request on GitHub."""
_PLACE = re.compile(r"\{([a-z_]*)\}")


class FinishOptions(Model):
    """From the table `[finish]` or a run's options; credentials stay in the environment."""

    push: str | None = None
    """A remote of the repository, by name or URL; None: nothing is pushed."""
    branch: str | None = None
    """The branch there; None: as it is called here. `{project}` and `{sprint}` stand for their slugs."""
    base: str | None = None
    """The branch that a pull request is for; None: the one that is checked out."""
    pull_request: list[str] = Field(default_factory=list[str])
    """The words of the command that opens it; empty: none is opened. `true` in the table stands for `gh`."""

    @field_validator("pull_request", mode="before")
    @classmethod
    def _ready_command(cls, given: object) -> object:
        if isinstance(given, bool):
            return GITHUB if given else []
        return given

    @field_validator("pull_request")
    @classmethod
    def _known_places(cls, words: list[str]) -> list[str]:
        return _known(words)

    @model_validator(mode="after")
    def _pushed_first(self) -> FinishOptions:
        if self.pull_request and not self.push:
            raise ValueError("a pull request needs a branch that was pushed: set push")
        return self

    def changed(self, changes: FinishChanges) -> FinishOptions:
        """With what one run wants otherwise.

        Raises:
            ValidationError: a pull request without a push.
        """
        return FinishOptions.model_validate({**self.model_dump(), **changes.model_dump(exclude_none=True)})


class FinishChanges(Model):
    """What one run wants otherwise than its repository says; None: as the repository says."""

    push: str | None = None
    branch: str | None = None
    base: str | None = None
    pull_request: list[str] | None = None
    """The words of the command; empty: no pull request."""

    @field_validator("pull_request")
    @classmethod
    def _known_places(cls, words: list[str] | None) -> list[str] | None:
        return _known(words) if words else words


def _known(words: list[str]) -> list[str]:
    unknown = [name for word in words for name in _PLACE.findall(word) if name not in PLACES]
    if unknown:
        raise ValueError(f"{{{unknown[0]}}} stands for nothing; use {', '.join(PLACES)}")
    return words


def filled(words: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """The words of a command with what their `{...}` stand for; a value is never read again."""
    return [_PLACE.sub(lambda found: values.get(found[1], found[0]), word) for word in words]
