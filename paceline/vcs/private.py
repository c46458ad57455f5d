"""The private repository of a checkout: its own refs, HEAD, index, config, hooks, stash and reflogs.

It borrows the user's objects read-only (`objects/info/alternates`) and writes its own beside them, so that no
git command in the checkout reaches anything of the user's. It is written file by file, and once an agent has
seen it, git never runs in it again for Paceline: its config could name commands (decision 0011).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from paceline.errors import RepositoryError
from paceline.vcs.attempts import record_folder
from paceline.vcs.filters import confined_filters
from paceline.vcs.git import IDENTITY_EMAIL, IDENTITY_NAME, both, git
from paceline.vcs.repository import Repository

SEEDED = ("refs/heads/", "refs/tags/", "refs/remotes/", "refs/paceline/preserved/")
"""Refs of the user's that the checkout gets a copy of, to read what they name."""
_COPIED = re.compile(
    r"core\.(filemode|symlinks|ignorecase|precomposeunicode|protect(ntfs|hfs)|autocrlf|eol|safecrlf|longpaths"
    r"|bigfilethreshold|checkroundtripencoding|excludesfile|attributesfile|whitespace)"
    r"|extensions\.objectformat|user\.(name|email)|i18n\..*|filter\..*",
    re.DOTALL,
)
"""Settings that decide which bytes a checkout and a commit have; remotes, aliases and hooks are none."""
_FIXED = (
    ("core.bare", "false"),
    ("core.logallrefupdates", "true"),
    ("core.fsmonitor", "false"),
    ("commit.gpgsign", "false"),
    ("tag.gpgsign", "false"),
    # A `gc` that starts by itself goes on in the background.
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
)
_IDENTITY = (("user.name", IDENTITY_NAME), ("user.email", IDENTITY_EMAIL))
_FILES = ("info/exclude", "info/attributes", "shallow")


@dataclass(frozen=True)
class Origin:
    """What a private repository takes over from the user's."""

    settings: tuple[tuple[str, str], ...]
    refs: bytes
    """Its refs in the format of `packed-refs`."""


def private_folder(worktree: Path) -> Path:
    """Where the private repository of a checkout is: outside of it, so that removing `.git` loses nothing."""
    return record_folder(worktree) / "git"


def seeds_file(worktree: Path) -> Path:
    """The refs a private repository began with, for telling later which are new."""
    return record_folder(worktree) / "refs"


async def read_origin(repository: Repository) -> Origin:
    """Read the settings and refs that private repositories begin with."""
    listed, refs = await both(
        git(repository.common_dir, "config", "-z", "--list", "--show-scope"),
        git(repository.common_dir, "for-each-ref", "--format=%(objectname) %(refname)", *SEEDED),
    )
    fields = listed.out.split(b"\0")
    pairs = [
        _pair(fields[at + 1]) for at in range(0, len(fields) - 1, 2) if fields[at] not in (b"command", b"")
    ]
    return Origin(tuple(pair for pair in pairs if _COPIED.fullmatch(pair[0])), refs.out)


async def check_out(repository: Repository, worktree: Path, commit: str, branch: str | None) -> Path:
    """Make a checkout of a commit with a private repository of its own, in folders that do not exist yet.

    Args:
        branch: what HEAD names, without `refs/heads/`; None: a detached HEAD.

    Returns:
        The private repository's folder.
    """
    folder = record_folder(worktree)
    folder.mkdir(parents=True, exist_ok=True)
    worktree.mkdir(parents=True)
    index = folder / "index"
    index.unlink(missing_ok=True)
    # The user's config is what decides on line ends and filters; the index is one of our own.
    env = {
        **await confined_filters(repository),
        "GIT_DIR": str(repository.common_dir),
        "GIT_WORK_TREE": str(worktree),
        "GIT_INDEX_FILE": str(index),
    }
    origin, _ = await both(
        read_origin(repository), git(worktree, "read-tree", "--reset", "-u", commit, env=env)
    )
    gitdir = write_private(repository, worktree, origin, commit, branch)
    (worktree / ".git").write_bytes(link_of(gitdir))
    return gitdir


def write_private(
    repository: Repository, worktree: Path, origin: Origin, commit: str, branch: str | None
) -> Path:
    """Write a private repository whose HEAD is at a commit, with the index that was saved for it."""
    gitdir = private_folder(worktree)
    part = gitdir.with_name(f"git-{uuid.uuid4().hex[:8]}.part")
    for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "hooks", "info"):
        (part / name).mkdir(parents=True)
    (part / "objects/info/alternates").write_bytes(
        b"".join(quoted(each) + b"\n" for each in stores(repository))
    )
    (part / "config").write_bytes(_config(origin, gitdir))
    for name in _FILES:
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(repository.common_dir / name, part / name)
    ref = f"refs/heads/{branch}"
    lines = [line for line in origin.refs.splitlines(keepends=True) if not _in_the_way(line, ref)]
    (part / "packed-refs").write_bytes(b"".join(lines))
    seeds_file(worktree).write_bytes(origin.refs)
    if branch is None:
        (part / "HEAD").write_text(f"{commit}\n", "ascii")
    else:
        (part / ref).parent.mkdir(parents=True, exist_ok=True)
        (part / ref).write_text(f"{commit}\n", "ascii")
        (part / "HEAD").write_text(f"ref: {ref}\n", "utf-8")
    index = record_folder(worktree) / "index"
    if index.is_file():
        shutil.copy2(index, part / "index")
    part.rename(gitdir)
    return gitdir


def is_whole(gitdir: Path) -> bool:
    """Whether git would still take the folder for a repository."""
    plain = [gitdir / "HEAD", gitdir / "config", gitdir / "objects/info/alternates"]
    return (gitdir / "refs").is_dir() and all(each.is_file() and not each.is_symlink() for each in plain)


def link_of(gitdir: Path) -> bytes:
    """What the `.git` file of a checkout says."""
    return b"gitdir: " + os.fsencode(gitdir) + b"\n"


def stores(repository: Repository) -> list[Path]:
    """The repository's own object store, and those it borrows from itself, by absolute paths."""
    own = repository.common_dir / "objects"
    try:
        lines = (own / "info/alternates").read_bytes().splitlines()
    except FileNotFoundError:
        return [own]
    named = [line for line in lines if line and not line.startswith((b"#", b'"'))]
    return [own, *(Path(os.path.normpath(own / os.fsdecode(line))) for line in named)]


def quoted(path: Path) -> bytes:
    """A path as git reads it in a list of object stores, where its bytes need quoting."""
    raw = os.fsencode(path)
    if not re.search(rb'[:"\\\n\x00-\x1f#]', raw):
        return raw
    return b'"' + re.sub(rb'["\\\x00-\x1f]', lambda found: b"\\%03o" % found[0][0], raw) + b'"'


def _in_the_way(line: bytes, ref: str) -> bool:
    """Whether a seeded ref is the branch, or keeps it from being a file, as refs are like folders."""
    name, own = line.rstrip(b"\n").partition(b" ")[2], os.fsencode(ref)
    return name == own or own.startswith(name + b"/") or name.startswith(own + b"/")


def _pair(entry: bytes) -> tuple[str, str]:
    key, has_value, value = entry.partition(b"\n")
    return os.fsdecode(key), os.fsdecode(value) if has_value else "true"


def _config(origin: Origin, gitdir: Path) -> bytes:
    extended = any(key == "extensions.objectformat" for key, _ in origin.settings)
    own = (
        ("core.repositoryformatversion", "1" if extended else "0"),
        *_FIXED,
        ("core.hookspath", str(gitdir / "hooks")),
    )
    return b"".join(_entry(key, value) for key, value in (*_IDENTITY, *origin.settings, *own))


def _entry(key: str, value: str) -> bytes:
    section, _, rest = key.partition(".")
    subsection, _, name = rest.rpartition(".")
    if "\n" in subsection or "\0" in value:
        raise RepositoryError(f"The setting {key!r} of the repository cannot be copied; rename it.")
    inner = f' "{_escaped(subsection)}"' if subsection else ""
    text = _escaped(value).replace("\n", "\\n").replace("\t", "\\t")
    return os.fsencode(f'[{section}{inner}]\n\t{name} = "{text}"\n')


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def ids_of(refs: Iterable[bytes]) -> set[str]:
    """The object ids in lines of `packed-refs`."""
    return {line.partition(b" ")[0].decode("ascii", "replace") for line in refs}
