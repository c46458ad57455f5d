"""The shared plan documents and their hand-made truths, which live beside the checkout and not in it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "plans"


def plan_text(name: str) -> str:
    """The text of a shared plan.

    Args:
        name: without its ending, such as `webrtc-sprint`.

    Returns:
        Its text. Where the folder is not there, the test is skipped; with `CI=true` it fails.
    """
    return _read(FOLDER / f"{name}.md")


def truth(name: str) -> dict[str, Any]:
    """What a person read out of a shared plan; skips or fails as `plan_text` does."""
    return yaml.safe_load(_read(FOLDER / f"{name}.truth.yaml"))


def requirement_ids() -> list[str]:
    """The ids of every requirement of the plan documents; skips or fails as `plan_text` does."""
    text = _read(FOLDER.parent / "REQUIREMENTS.md")
    return re.findall(r"^\| (R\d{3}-\d{2}) \|", text, re.MULTILINE)


def _read(path: Path) -> str:
    if path.is_file():
        return path.read_text(encoding="utf-8")
    reason = f"the shared document {path.name} is not beside the checkout, at {path}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
