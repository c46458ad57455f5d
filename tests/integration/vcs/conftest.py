"""A real repository as a user has it, with hooks that must not run."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from paceline.vcs.repository import Repository


@dataclass
class UserRepository:
    """A checkout and the ways a test looks at it with plain git."""

    path: Path
    base: str

    def git(self, *args: str, cwd: Path | None = None, check: bool = True) -> str:
        return run_git(cwd or self.path, *args, check=check)

    def show(self, commit: str, path: str) -> str:
        return self.git("show", f"{commit}:{path}")

    def files(self, commit: str) -> list[str]:
        return self.git("ls-tree", "-r", "-z", "--name-only", commit).split("\0")[:-1]

    def commit(self, files: dict[str, str], message: str = "more") -> str:
        """A commit on the current branch, made as the user would."""
        for name, text in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        self.git("add", "--", *files)
        self.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def fingerprint(self) -> dict[str, str]:
        """Everything of the user's that must not change: files, index, config, hooks, refs."""
        seen = {"status": self.git("--no-optional-locks", "status", "--porcelain", "--ignored")}
        for name in ("index", "config", "HEAD", "info/exclude", "hooks/post-checkout"):
            seen[name] = hashlib.sha256((self.path / ".git" / name).read_bytes()).hexdigest()
        for file in sorted(self.path.rglob("*")):
            if ".git" not in file.parts and file.is_file():
                seen[str(file)] = f"{file.stat().st_mtime_ns} {hashlib.sha256(file.read_bytes()).hexdigest()}"
        refs = self.git("for-each-ref", "--format=%(refname) %(objectname)").split("\n")
        seen["refs"] = "\n".join(ref for ref in refs if "paceline" not in ref)
        seen["stash"] = self.git("stash", "list")
        return seen


def run_git(
    cwd: Path, *args: str, check: bool = True, text: str = "", env: dict[str, str] | None = None
) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = {"GIT_AUTHOR_NAME": "User", "GIT_AUTHOR_EMAIL": "user@example.org"}
    identity |= {"GIT_COMMITTER_NAME": "User", "GIT_COMMITTER_EMAIL": "user@example.org"}
    done = subprocess.run(
        ["git", *args],
        cwd=cwd,
        env=clean | identity | (env or {}),
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(f"git {args}: {done.stderr}")
    return done.stdout


@pytest.fixture
def make_repository(tmp_path: Path) -> Callable[[str], UserRepository]:
    def make(name: str) -> UserRepository:
        path = tmp_path / name
        path.mkdir()
        run_git(path, "init", "-q", "-b", "main")
        for hook in ("post-checkout", "post-commit", "pre-commit", "reference-transaction"):
            script = path / ".git" / "hooks" / hook
            script.parent.mkdir(exist_ok=True)
            script.write_text(f"#!/bin/sh\ntouch {tmp_path / 'hook-ran'}\nexit 1\n")
            script.chmod(0o755)
        user = UserRepository(path, "")
        files = {"src/app.py": "one\ntwo\nthree\n", "README.md": "hello\n", ".gitignore": "*.log\nbuild/\n"}
        user.base = user.commit(files, "first")
        return user

    return make


@pytest.fixture
def user(make_repository: Callable[[str], UserRepository]) -> UserRepository:
    return make_repository("checkout")


@pytest.fixture
async def repository(user: UserRepository) -> Repository:
    return await Repository.open(user.path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "worktrees"


@pytest.fixture
def hook_ran(tmp_path: Path) -> Path:
    return tmp_path / "hook-ran"
