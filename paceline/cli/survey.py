"""What `paceline init` sees of a repository: languages, test command, default branch, coding agents."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from paceline.agents.presets import detect_installed
from paceline.domain.model import Model
from paceline.errors import RepositoryMissing
from paceline.vcs.git import git, require_git

_LANGUAGES = {
    "Python": (".py",),
    "TypeScript": (".ts", ".tsx", ".mts"),
    "JavaScript": (".js", ".jsx", ".mjs", ".cjs"),
    "Go": (".go",),
    "Rust": (".rs",),
    "Java": (".java",),
    "Kotlin": (".kt", ".kts"),
    "C#": (".cs",),
    "C": (".c", ".h"),
    "C++": (".cc", ".cpp", ".cxx", ".hpp"),
    "Ruby": (".rb",),
    "PHP": (".php",),
    "Swift": (".swift",),
    "Shell": (".sh",),
}
_BY_SUFFIX = {suffix: name for name, suffixes in _LANGUAGES.items() for suffix in suffixes}
_SIZE_LIMIT = 1024 * 1024
"""Bytes of a file that says how a repository is tested."""
_SHOWN = 5


class Language(Model):
    """A language, and how many files are written in it."""

    name: str
    files: int


class Survey(Model):
    """What a repository looks like."""

    repository: str
    name: str
    branch: str | None
    """The default branch: that of `origin`, or what is checked out."""
    commits: bool
    """Whether there is one at all; runs need one."""
    languages: list[Language]
    """The most files first."""
    test_command: str | None
    setup_command: str | None
    """What makes a fresh checkout ready for the tests."""
    agents: list[str]
    """Coding agents on PATH that Paceline has a preset for."""


async def survey(here: Path) -> Survey:
    """Look at the repository that a folder is in; nothing is changed and nothing of it is run.

    Raises:
        RepositoryMissing: there is none, or it has no checkout.
    """
    top = await checkout_of(here)
    if top is None:
        raise RepositoryMissing(
            f"{here} is not inside the checkout of a git repository; run `git init` here, or change to one."
        )
    head = await git(top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", accept=(0, 1, 128))
    listed = await git(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return Survey(
        repository=str(top),
        name=_plain(top.name) or "this repository",
        branch=await _default_branch(top),
        commits=head.code == 0,
        languages=_languages(listed.out.split(b"\0")),
        test_command=_first(top, _TESTS),
        setup_command=_first(top, _SETUPS),
        agents=detect_installed(),
    )


async def checkout_of(here: Path) -> Path | None:
    """The top of the checkout that a folder is in, also of one without commits; None where there is none.

    Raises:
        ConfigurationError: git is missing or too old.
    """
    await require_git()
    found = await git(here, "rev-parse", "--show-toplevel", accept=(0, 128))
    return Path(os.fsdecode(found.out.rstrip(b"\n"))).resolve() if found.code == 0 else None


async def _default_branch(top: Path) -> str | None:
    for ref in ("refs/remotes/origin/HEAD", "HEAD"):
        found = await git(top, "symbolic-ref", "--quiet", "--short", ref, accept=(0, 1, 128))
        if found.code == 0:
            return found.text.removeprefix("origin/") if ref != "HEAD" else found.text
    return None


def _languages(names: list[bytes]) -> list[Language]:
    suffixes = Counter(os.path.splitext(os.fsdecode(name))[1].lower() for name in names)
    counts: Counter[str] = Counter()
    for suffix, count in suffixes.items():
        if suffix in _BY_SUFFIX:
            counts[_BY_SUFFIX[suffix]] += count
    return [Language(name=name, files=count) for name, count in counts.most_common(_SHOWN)]


def _first(top: Path, ways: tuple[Callable[[Path], str | None], ...]) -> str | None:
    return next((command for way in ways if (command := way(top)) is not None), None)


# How it is tested, the most particular way first ---


def _make(top: Path) -> str | None:
    text = next(
        (found for name in ("Makefile", "makefile", "GNUmakefile") if (found := _text(top / name))), ""
    )
    return "make test" if re.search(r"^test\s*:(?!=)", text, re.MULTILINE) else None


def _node(top: Path) -> str | None:
    scripts = _table(_json(top / "package.json").get("scripts"))
    written = str(scripts.get("test", ""))
    # What `npm init` writes only fails.
    return f"{_manager(top)} test" if written and "no test specified" not in written else None


def _python(top: Path) -> str | None:
    declared = any(
        (top / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg", "pytest.ini")
    )
    if not declared and not any((top / "tests").glob("test*.py")):
        return None
    text = "".join(_text(top / name) for name in ("pyproject.toml", "setup.cfg", "requirements-dev.txt"))
    before = "uv run " if (top / "uv.lock").is_file() else ""
    if "pytest" in text or (top / "pytest.ini").is_file():
        return f"{before}python3 -m pytest -q"
    return f"{before}python3 -m unittest discover" if (top / "tests").is_dir() else None


def _go(top: Path) -> str | None:
    return "go test ./..." if (top / "go.mod").is_file() else None


def _rust(top: Path) -> str | None:
    return "cargo test" if (top / "Cargo.toml").is_file() else None


_TESTS = (_make, _node, _python, _go, _rust)


def _node_setup(top: Path) -> str | None:
    manager = _manager(top)
    if not (top / "package.json").is_file():
        return None
    locked = {"npm": "npm ci", "yarn": "yarn install --frozen-lockfile"}
    plain = manager == "npm" and not (top / "package-lock.json").is_file()
    return "npm install" if plain else locked.get(manager, f"{manager} install --frozen-lockfile")


def _python_setup(top: Path) -> str | None:
    return "uv sync" if (top / "uv.lock").is_file() else None


_SETUPS = (_node_setup, _python_setup)


def _manager(top: Path) -> str:
    locks = {"pnpm": "pnpm-lock.yaml", "yarn": "yarn.lock", "bun": "bun.lock"}
    return next((name for name, lock in locks.items() if (top / lock).is_file()), "npm")


def _text(path: Path) -> str:
    """The text of a small file; empty where it is none."""
    try:
        if not path.is_file() or path.stat().st_size > _SIZE_LIMIT:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _json(path: Path) -> dict[str, Any]:
    try:
        return _table(json.loads(_text(path) or "{}"))
    except (ValueError, RecursionError):
        return {}


def _table(value: object) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _plain(name: str) -> str:
    """A name without signs that would mean something in markdown or TOML."""
    return " ".join(re.findall(r"\w[\w.-]*", name))[:60]
