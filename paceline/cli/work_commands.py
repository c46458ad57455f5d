"""`paceline work list|show|restore|expire`: the work that attempts left, from git; no API is needed."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from paceline.cli.settings import load_settings
from paceline.cli.terminal import complain, counted, printable, say
from paceline.errors import ConfigurationError, NotFound
from paceline.vcs.diff import DiffStat, diff_text
from paceline.vcs.preserved import PreservedWork, list_preserved, size_of
from paceline.vcs.preserved import expire as expire_refs
from paceline.vcs.preserved import restore as restore_work
from paceline.vcs.repository import Repository

if TYPE_CHECKING:
    from paceline.cli.work_facts import RunFacts

T = TypeVar("T")
app = typer.Typer(
    name="work", help="See and get back work that was preserved.", no_args_is_help=True, rich_markup_mode=None
)
Repo = Annotated[Path, typer.Option("--repo", help="The git repository; default: here.")]
StoryArgument = Annotated[str, typer.Argument(metavar="STORY", help="Id of a story, or the end of it: 2.1.")]
Attempt = Annotated[int | None, typer.Option("--attempt", min=1, help="Which attempt; default: the last.")]
Project = Annotated[str | None, typer.Option("--project", help="Id of the run.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
HERE = Path()


@dataclass(frozen=True)
class Row:
    """Preserved work with what the database says of it."""

    work: PreservedWork
    facts: RunFacts | None

    @property
    def story(self) -> str:
        """The story's id as the plan writes it, where that is known."""
        return (self.facts.stories if self.facts else {}).get(self.work.story, self.work.story)

    @property
    def code(self) -> str | None:
        """Why the attempt ended, where that is known."""
        return self.facts.codes.get((self.work.story, self.work.attempt)) if self.facts else None

    def to_json(self, size: DiffStat | None = None) -> dict[str, Any]:
        """All of it for programs."""
        sized = (
            {"files": size.files, "insertions": size.insertions, "deletions": size.deletions} if size else {}
        )
        work = self.work
        return {
            "project": work.project,
            "story": self.story,
            "attempt": work.attempt,
            "at": work.at.isoformat(),
            "reason_code": self.code,
            "ref": work.ref,
            "commit": work.commit,
            **sized,
        }

    def line(self, size: DiffStat | None = None) -> str:
        """All of it on a line."""
        counts = f"{counted(size.files, 'file')} +{size.insertions} -{size.deletions}" if size else ""
        parts = (
            f"{self.work.project}  {printable(self.story)}  attempt {self.work.attempt}",
            f"{self.work.at.astimezone():%Y-%m-%d %H:%M}",
            self.code or "",
            counts,
            self.work.ref,
        )
        return "  ".join(part for part in parts if part)


@app.command("list")
def list_work(repo: Repo = HERE, project: Project = None, as_json: AsJson = False) -> None:
    """List the work that attempts left, newest first."""
    repository, rows = _run(_rows(repo, project))
    sizes = _run(_sizes(repository, rows))
    if as_json:
        say(_json([row.to_json(size) for row, size in zip(rows, sizes, strict=True)]))
        return
    for row, size in zip(rows, sizes, strict=True):
        say(row.line(size))
    if not rows:
        complain(f"No work is preserved in {repository.path}.")


@app.command("show")
def show_work(
    story: StoryArgument,
    repo: Repo = HERE,
    attempt: Attempt = None,
    project: Project = None,
    stat: Annotated[bool, typer.Option("--stat", help="Only the table of files.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what an attempt changed."""
    repository, rows = _run(_rows(repo, project))
    row = _chosen(rows, story, attempt)
    size = _run(size_of(repository, row.work))
    text = "" if stat else _run(diff_text(repository, row.work.base, row.work.commit))
    if as_json:
        say(_json(row.to_json(size) | {"stat": size.text} | ({} if stat else {"diff": text})))
        return
    say(row.line(size))
    for line in (*size.text.splitlines(), *text.splitlines()):
        say(printable(line))


@app.command("restore")
def restore(
    story: StoryArgument,
    to: Annotated[Path | None, typer.Option("--to", help="A new folder for a checkout of it.")] = None,
    branch: Annotated[str | None, typer.Option("--branch", help="A new branch at it.")] = None,
    repo: Repo = HERE,
    attempt: Attempt = None,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Get an attempt's work back in a folder or on a branch.

    Or both; never in your checkout.
    """
    if to is None and branch is None:
        raise ConfigurationError("Nowhere to restore to: give --to DIR, --branch NAME, or both.")
    repository, rows = _run(_rows(repo, project))
    row = _chosen(rows, story, attempt)
    folder = to.expanduser().absolute() if to else None
    _run(restore_work(repository, row.work, folder, branch))
    if as_json:
        say(_json(row.to_json() | {"to": str(folder) if folder else None, "branch": branch}))
        return
    places = [f"in {folder}"] if folder else []
    places += [f"on the branch {branch}"] if branch else []
    say(f"Attempt {row.work.attempt} of {printable(row.story)} is {' and '.join(places)}.")


@app.command("expire")
def expire(
    older_than: Annotated[str, typer.Option("--older-than", help="Age such as 30d, 12h or 2w.")],
    repo: Repo = HERE,
    project: Project = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Also work of runs that this home's database does not know.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove old work of runs that are over.

    What a run that goes on left stays.
    """
    limit = datetime.now(UTC) - _age(older_than)
    repository, rows = _run(_rows(repo, project))
    old = [row for row in rows if row.work.at <= limit]
    gone = [row for row in old if (unknown if row.facts is None else not row.facts.running)]
    if not dry_run:
        _run(expire_refs(repository, [row.work for row in gone]))
    if as_json:
        said = {"removed": [row.to_json() for row in gone], "dry_run": dry_run, "kept": len(rows) - len(gone)}
        say(_json(said))
        return
    for row in gone:
        say(f"{'would remove' if dry_run else 'removed'} {row.line()}")
    running = sum(1 for row in old if row.facts is not None and row.facts.running)
    stay = sum(1 for row in old if row.facts is None) if not unknown else 0
    why = [f"{running} of a run that goes on"] if running else []
    why += [f"{stay} of runs that this home does not know (--unknown takes them too)"] if stay else []
    kept = f"; kept: {', '.join(why)}" if why else ""
    say(f"{counted(len(gone), 'attempt')} {'would be removed' if dry_run else 'removed'}{kept}.")


async def _rows(repo: Path, project: str | None) -> tuple[Repository, list[Row]]:
    from paceline.cli.work_facts import run_facts

    repository = await Repository.open(repo)
    works = [work for work in await list_preserved(repository) if project in (None, work.project)]
    facts = await run_facts(load_settings(), repository, works) if works else {}
    return repository, [Row(work, facts.get(work.project)) for work in works]


async def _sizes(repository: Repository, rows: list[Row]) -> list[DiffStat]:
    return [await size_of(repository, row.work) for row in rows]


def _chosen(rows: list[Row], story: str, attempt: int | None) -> Row:
    """The one attempt that is meant.

    Raises:
        NotFound: none is, or several runs have such a story.
    """
    exact = [row for row in rows if story in (row.story, row.work.story)]
    fit = exact or [row for row in rows if row.work.is_of(story)]
    fit = [row for row in fit if attempt in (None, row.work.attempt)]
    if not fit:
        which = f" of attempt {attempt}" if attempt else ""
        raise NotFound(f"No work{which} of {story} is preserved here; `paceline work list` shows what is.")
    several = sorted({f"{row.work.project} ({row.work.story})" for row in fit})
    if len(several) > 1:
        raise NotFound(
            f"{story} may be one of {', '.join(several)}; name it whole, or its run with --project."
        )
    return max(fit, key=lambda row: row.work.attempt)


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([hdw])", text.strip())
    if not found:
        raise ConfigurationError(f"{text!r} is no age; write 12h, 30d or 2w.")
    return int(found[1]) * _UNITS[found[2]]


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
