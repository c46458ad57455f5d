"""What changed between two commits: paths, text and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from paceline.vcs.git import git, start_git, stop_process
from paceline.vcs.repository import Repository

ChangeKind = Literal["added", "modified", "deleted", "mode", "type"]

_NAMES: dict[str, ChangeKind] = {"A": "added", "D": "deleted", "T": "type"}


@dataclass(frozen=True)
class ChangedPath:
    """One path that differs; a rename is two of them, as both paths need a claim.

    Modes are git's octal ones; `000000` is an absent side. Bytes of a name that are not UTF-8 are escaped.
    """

    path: str
    kind: ChangeKind
    old_mode: str
    new_mode: str

    @property
    def symlink(self) -> bool:
        """Whether it is, or was, a symbolic link."""
        return "120000" in (self.old_mode, self.new_mode)

    @property
    def submodule(self) -> bool:
        """Whether it is, or was, a submodule."""
        return "160000" in (self.old_mode, self.new_mode)


@dataclass(frozen=True)
class DiffStat:
    """Size of a diff; `text` is git's own table, bounded."""

    files: int
    insertions: int
    deletions: int
    text: str


async def changed_paths(repository: Repository, base: str, commit: str) -> list[ChangedPath]:
    """Every path that differs between two commits or trees, in git's order."""
    raw = await git(repository.common_dir, "diff-tree", "-r", "-z", "--no-renames", "--raw", base, commit)
    fields = raw.out.split(b"\0")
    return [_changed(fields[at], fields[at + 1]) for at in range(0, len(fields) - 1, 2)]


async def changes_of(repository: Repository, commits: Sequence[tuple[str, str]]) -> list[list[ChangedPath]]:
    """`changed_paths` of several pairs of base and commit at once, in their order."""
    lines = "".join(f"{commit} {base}\n" for base, commit in commits)
    options = ("-r", "-z", "--no-renames", "--raw", "--always", "--stdin")
    raw = await git(repository.common_dir, "diff-tree", *options, stdin=lines.encode())
    found: list[list[ChangedPath]] = []
    fields = iter(raw.out.split(b"\0")[:-1])
    for each in fields:
        if each.startswith(b":"):
            found[-1].append(_changed(each, next(fields)))
        else:
            found.append([])
    return found


def _changed(facts: bytes, name: bytes) -> ChangedPath:
    old_mode, new_mode, old_id, new_id, status = facts.decode().lstrip(":").split(" ")
    kind = _NAMES.get(status[0], "modified")
    if kind == "modified" and old_id == new_id:
        kind = "mode"
    return ChangedPath(name.decode("utf-8", "backslashreplace"), kind, old_mode, new_mode)


async def diff_text(repository: Repository, base: str, commit: str, limit_bytes: int = 1_000_000) -> str:
    """The unified diff.

    Args:
        limit_bytes: where it is cut, with a line that says so.
    """
    plain = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")
    process = await start_git(repository.common_dir, "diff-tree", "-r", "-p", *plain, base, commit)
    assert process.stdout is not None  # noqa: S101 - start_git always pipes it; this tells the type checker
    read = bytearray()
    try:
        while len(read) <= limit_bytes and (chunk := await process.stdout.read(65536)):
            read += chunk
    finally:
        await stop_process(process)
    text = bytes(read[:limit_bytes]).decode("utf-8", "replace")
    return text if len(read) <= limit_bytes else f"{text}\n[the diff goes on: cut at {limit_bytes} bytes]\n"


async def diff_stat(repository: Repository, base: str, commit: str, limit: int = 2000) -> DiffStat:
    """Files, lines added and removed, and a table of at most `limit` characters."""
    cwd, between = repository.common_dir, (base, commit)
    counted = await git(cwd, "diff-tree", "-r", "-z", "--numstat", "--no-renames", *between)
    rows = [row.split(b"\t") for row in counted.out.split(b"\0") if row.count(b"\t") >= 2]
    table = await git(
        cwd, "diff-tree", "-r", "--stat=100", "--stat-count=40", "--no-renames", "--no-color", *between
    )
    return DiffStat(
        files=len(rows),
        insertions=sum(int(row[0]) for row in rows if row[0].isdigit()),
        deletions=sum(int(row[1]) for row in rows if row[1].isdigit()),
        text=table.text[:limit],
    )
