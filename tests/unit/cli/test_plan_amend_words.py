"""`paceline plan amend` before it reaches an API."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from paceline.cli.plan_amend import amend
from paceline.cli.plan_files import UNREADABLE


def test_a_missing_plan_is_one_sentence_and_exit_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        amend("shop", str(tmp_path / "absent.md"))
    assert ended.value.exit_code == UNREADABLE
    assert "absent.md cannot be read (no such file or directory)" in capsys.readouterr().err
