"""The table `[worktrees]` of a repository's `paceline.toml`: how a new worktree is made ready."""

from __future__ import annotations

import tomllib
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from paceline.domain.work import SandboxPolicy
from paceline.errors import ConfigurationError

FILE = "paceline.toml"


class WorktreeOptions(BaseModel):
    """How worktrees of a repository are made ready; times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    setup: str | None = None
    """A shell command that runs in a new worktree before the agent does."""
    setup_timeout: float = Field(default=600.0, gt=0)
    reuse: tuple[str, ...] = ()
    """Folders that the set-up fills and git ignores, carried over to the next worktree."""
    submodules: bool = False
    """Submodules are welcome: their folders stay empty unless the set-up fills them."""
    sandbox: SandboxPolicy | None = None
    """Whether agents and checks are confined; a run keeps the word it began with. None: where it can be."""
    keep_preserved_days: int | None = Field(default=None, ge=1, le=36_500)
    """Preserved work of a run expires so many days after the run's end; None: never by itself."""
    agents: dict[str, str] = {}
    """Set-up commands of single agents, in the place of `setup`; an empty one is none."""

    @field_validator("reuse")
    @classmethod
    def _inside(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            parts = PurePosixPath(name).parts
            if not parts or name.startswith("/") or {"..", ".git"} & {part.lower() for part in parts}:
                raise ValueError(f"{name!r} is not a folder inside the worktree")
        return names

    @model_validator(mode="after")
    def _filled(self) -> WorktreeOptions:
        if self.reuse and not (self.setup or self.agents):
            raise ValueError("reuse without a setup command: only what the set-up made is reused")
        return self

    def command(self, agent: str) -> str | None:
        """The set-up command for an agent's worktree, if there is one."""
        return self.agents.get(agent, self.setup or "") or None


def load_worktree_options(toml_text: str, file: str = FILE) -> WorktreeOptions:
    """The table `[worktrees]`; the defaults where there is none.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit.
    """
    try:
        return WorktreeOptions.model_validate(tomllib.loads(toml_text).get("worktrees", {}))
    except tomllib.TOMLDecodeError as problem:
        raise ConfigurationError(f"{file} is not valid TOML: {problem}.") from problem
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        where = ".".join(str(part) for part in ("worktrees", *first["loc"]))
        raise ConfigurationError(f"{file}: {where} is wrong: {first['msg']}.") from problem


def read_worktree_options(checkout: Path) -> WorktreeOptions:
    """The options in the checkout's `paceline.toml`; the defaults where there is no such file.

    Raises:
        ConfigurationError: it cannot be read, or a value does not fit.
    """
    file = checkout / FILE
    try:
        return load_worktree_options(file.read_text("utf-8"), str(file))
    except FileNotFoundError:
        return WorktreeOptions()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read as UTF-8 text ({error}); correct it.") from error
