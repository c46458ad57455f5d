"""The lock files fit what pyproject.toml asks for, and the check that says so can say no."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("pyproject.toml", "requirements.lock", "requirements-dev.lock", "scripts/requirements-build.lock")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that the check reads, to be spoilt."""
    (tmp_path / "scripts").mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def check(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "check_locks.py"), str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_locks_fit() -> None:
    done = check(ROOT)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("pyproject.toml", "dependencies = [", 'dependencies = [\n  "nowhere>=1",', "does not pin nowhere"),
        ("pyproject.toml", '"hypothesis>=6.150"', '"hypothesis>=99"', "pins hypothesis"),
        (
            "requirements.lock",
            "\nfastapi==",
            "\nfastapi==0.0.1 \\\n    --hash=sha256:0\n# ",
            "pins fastapi 0.0.1, and requirements-dev.lock",
        ),
    ],
)
def test_stale_lock_is_named(copy: Path, name: str, old: str, new: str, complaint: str) -> None:
    text = (copy / name).read_text()
    assert old in text
    (copy / name).write_text(text.replace(old, new, 1))
    done = check(copy)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "make lock" in done.stderr


def test_pin_without_a_hash_is_refused(copy: Path) -> None:
    with (copy / "requirements.lock").open("a") as lock:
        lock.write("unhashed==1.0\n")
    done = check(copy)
    assert done.returncode != 0
    assert "unhashed without a hash" in done.stderr
