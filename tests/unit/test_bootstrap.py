"""The shell part of the bootstrap: it needs a Python that is new enough and says so."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The script beside a stand-in for what it hands over to."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    shutil.copy(ROOT / "scripts" / "bootstrap", scripts)
    (scripts / "bootstrap.py").write_text("import sys; print(sys.executable, *sys.argv[1:])\n")
    return tmp_path


def run(checkout: Path, *arguments: str, python: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the script with a PATH that has no Python but what the test puts there."""
    tools = checkout / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("dirname", "env"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    environment = {"PATH": str(tools), "PACELINE_PYTHON": python}
    command = ["/bin/sh", str(checkout / "scripts" / "bootstrap"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_no_python_is_one_sentence(checkout: Path) -> None:
    done = run(checkout)
    assert done.returncode == 1
    assert "Python 3.11 or newer" in done.stderr
    assert done.stderr.count("\n") == 1


def test_named_python_is_used_and_arguments_are_handed_on(checkout: Path) -> None:
    done = run(checkout, "uv", "--version", python=sys.executable)
    assert done.returncode == 0
    assert done.stdout.split()[1:] == ["uv", "--version"]


def test_python_that_does_not_run_is_passed_over(checkout: Path) -> None:
    (checkout / "tools").mkdir()
    broken = checkout / "tools" / "python3"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    (checkout / "tools" / "python3.11").symlink_to(sys.executable)
    done = run(checkout)
    assert done.returncode == 0
    assert done.stdout
