"""What the API takes and gives beside the domain's own models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from paceline.domain.amendment import Amendment
from paceline.domain.completion import CriterionState
from paceline.domain.model import Model
from paceline.domain.questions import Decision
from paceline.domain.states import RunState, StoryState
from paceline.domain.status import Artifact, CompletionOptions, Run, RunOptions

NAME_LIMIT = 200

FilePath = Annotated[str, Field(min_length=1, max_length=1000)]


class PlanTexts(Model):
    """A plan as it is written: one text, or the texts of a folder."""

    plan: str | None = Field(default=None, description="The plan's text, in any format that is read.")
    files: dict[FilePath, str] | None = Field(
        default=None,
        max_length=20_000,
        description="Instead of `plan`: a folder's texts by path.",
    )
    file: str | None = Field(
        default=None, max_length=1000, description="Name of the plan's file, or of the folder, for messages."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> PlanTexts:
        if (self.plan is None) == (self.files is None):
            raise ValueError("send either `plan`, a text, or `files`, the texts of a folder")
        return self

    def size(self) -> int:
        """Bytes of all texts of the plan."""
        return sum(
            len(text.encode(errors="surrogatepass"))
            for text in [self.plan or "", *(self.files or {}).values()]
        )


class StartRequest(PlanTexts):
    """A sprint to start."""

    repository: str | None = Field(default=None, max_length=4096, description="Path of the git repository.")
    project: str | None = Field(default=None, min_length=1, max_length=NAME_LIMIT)
    options: RunOptions = Field(default_factory=RunOptions)
    rerun: bool = Field(default=False, description="Run again although the same plan has ended.")


class StartReply(Model):
    """The run, and whether it was there before."""

    run: Run
    attached: bool
    stories: int
    warnings: list[str] = Field(default_factory=list[str])


class CheckRequest(Model):
    """A look at whether a run is complete."""

    criteria: CompletionOptions | None = Field(
        default=None, description="Instead of the run's own criteria; they count for this look only."
    )
    actor: str = Field(default="unknown", min_length=1, max_length=NAME_LIMIT)


class ForceRequest(Model):
    """A person says that a run is complete as it is."""

    actor: str = Field(min_length=1, max_length=NAME_LIMIT)
    reason: str = Field(min_length=1, max_length=2000)
    id: str | None = Field(
        default=None, min_length=1, max_length=100, description="Makes it idempotent; default: a new one."
    )


class AnswerRequest(Model):
    """A person's answer to a question."""

    decision: Decision
    text: str = Field(default="", max_length=20_000)
    actor: str = Field(default="unknown", min_length=1, max_length=NAME_LIMIT)
    chosen: list[str] = Field(
        default_factory=list[str], max_length=1000, description="Names of options, with `choose`."
    )


class AnswerReply(Model):
    """What became of an answer."""

    question: str
    state: Literal["taken", "sent"]
    """`sent`: no worker is there to take it now; it is taken when one runs."""
    decision: Decision
    actor: str
    message: str


class ClaimWish(Model):
    """Files that an agent needs beside its story's claim; attempt and fence are those it was given."""

    paths: list[str] = Field(min_length=1, max_length=1000)
    attempt: int = Field(ge=1)
    fence: int = Field(ge=1)


class ClaimAnswer(Model):
    """What became of an agent's wish."""

    state: Literal["granted", "waiting", "deadlock", "ask"]
    """`ask`: a person has to be asked, which is done when the agent has ended."""
    claimed: list[str]
    """All paths and globs that may be changed now."""
    position: int | None = None
    waits_for: list[str] = Field(default_factory=list[str])
    message: str


class CancelReply(Model):
    """A cancellation was asked for; the stories end one by one."""

    project: str
    state: RunState
    message: str


class Completion(Model):
    """How far a run is, and how far each epic and each sprint is."""

    project: str
    state: RunState
    complete: bool
    percent: float
    counts: dict[StoryState, int]
    removed: int = 0
    """Stories that were removed from the plan; they count nowhere else."""
    end_reason: str | None = None
    """Why the run ended otherwise than completed by itself, where it did."""
    epics: dict[str, PartDone]
    sprints: dict[str, PartDone]
    criteria: list[CriterionState]
    """What has to be so for the run to count as completed, and what each still lacks."""
    next_steps: list[str]
    """What is to be done for it to be; empty where it is complete."""


class PartDone(Model):
    """Stories of one part of a plan."""

    succeeded: int
    ended: int
    total: int


class ArtifactSummary(Model):
    """The artifacts of a project, counted; the bundle where one was made."""

    project: str
    count: int
    bytes: int
    kinds: dict[str, int]
    bundle: Artifact | None = None
    bundle_path: str | None = None
    """The absolute path of the bundle on the machine of the API."""


class CleanUp(Model):
    """Which artifacts a clean-up removes."""

    days: float = Field(
        default=30.0,
        strict=True,
        ge=0,
        le=36_500,
        description="Of runs that ended at least so long ago, of 24 hours each.",
    )
    dry_run: bool = Field(default=False, strict=True, description="Only say what would be removed.")


class ArtifactsDeleted(Model):
    """What a clean-up removed of a run."""

    project: str
    deleted: int
    bytes: int


class Health(Model):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str


class Readiness(Model):
    """Each part with `ok` or the reason why it is not."""

    ready: bool
    database: str
    migrations: str
    temporal: str


Completion.model_rebuild()


class AmendRequest(PlanTexts):
    """An edited plan for a run that goes on."""

    id: str | None = Field(
        default=None,
        min_length=1,
        max_length=NAME_LIMIT,
        description="Names the request: sent again, it changes nothing. Default: by what it says.",
    )
    renames: dict[FilePath, FilePath] = Field(
        default_factory=dict[FilePath, FilePath],
        max_length=20_000,
        description="Id of a story in the run to its id in the edited plan.",
    )
    apply: bool = Field(default=False, description="Follow it from now on; otherwise only say what changes.")
    actor: str = Field(default="unknown", min_length=1, max_length=NAME_LIMIT)
    reason: str = Field(default="", max_length=2000)


class AmendmentReply(Model):
    """What an edited plan changes of a run."""

    project: str
    applied: bool
    revision: int
    """Number of the run's newest change."""
    amendment: Amendment
    warnings: list[str] = Field(default_factory=list[str])
