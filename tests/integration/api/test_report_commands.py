"""`paceline reports`, `standup`, `review`, `retro` as a person types them, over a run with short days."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.integration.api.command_line import CommandLine
from tests.integration.api.test_command_line import up

__all__ = ["up"]


def test_a_rehearsal_is_reported(
    paceline: CommandLine, plan: str, up: subprocess.Popen[str], tmp_path: Path
) -> None:
    ran = paceline(
        "run", plan, "--agent", "simulated", "--day-length", "1s", "--criteria", "record", "--no-input"
    )
    assert ran.returncode == 0, ran.stderr
    project = next(word for word in ran.stdout.split() if word.startswith("tend-the-allotment")).strip(":")
    listed = paceline("reports", project)
    for kind in ("planning", "standup", "daily", "velocity", "review", "retrospective"):
        assert kind in listed.stdout
    found = json.loads(paceline("reports", project, "--json").stdout)
    day = next(each["number"] for each in found if each["kind"] == "daily")
    shown = paceline("reports", project, "--kind", "daily", "--number", str(day))
    assert shown.stdout.startswith("# Daily report: ")
    assert paceline("standup", project).stdout.startswith("# Standup: ")
    assert json.loads(paceline("standup", project, "--json").stdout)["kind"] == "standup"
    added = paceline("retro", project, "--add", "Water earlier", "--actor", "kim")
    assert "Water earlier" in added.stdout
    assert "- Water earlier (improvement, kim)" in paceline("retro", project).stdout
    entries = json.loads(paceline("retro", project, "--json").stdout)["entries"]
    assert [(each["text"], each["actor"]) for each in entries] == [("Water earlier", "kim")]
    given = paceline("review", project, "--feedback", "More shade", "--topic", "Demo", "--actor", "kim")
    assert "Added to the review of" in given.stdout
    review = paceline("review", project).stdout
    assert review.startswith("# Sprint review: ")
    assert "## Feedback\n\n- Demo: More shade (feedback, kim)" in review
    assert "More shade" not in paceline("retro", project).stdout
    entries = json.loads(paceline("review", project, "--json").stdout)["entries"]
    assert [(each["text"], each["actor"]) for each in entries] == [("More shade", "kim")]
    exported = paceline("export", project, "stories")
    assert exported.stdout.splitlines()[0].startswith("id,title,sprint,")
    target = tmp_path / "attempts.csv"
    assert paceline("export", project, "attempts", "--output", str(target)).returncode == 0
    assert target.read_text().startswith("story,attempt,agents,")
    for arguments, sentence in (
        (("export", project, "stories", "--output", str(tmp_path / "none" / "x.csv")), "cannot be written"),
        (("export", "nothing", "stories"), "nothing"),
        (("reports", project, "--number", "1"), "add --kind"),
        (("reports", project, "--kind", "daily", "--number", "99"), "has no daily 99"),
        (("run", plan, "--day-length", "soon"), "--day-length soon is no length of a day"),
    ):
        refused = paceline(*arguments)
        assert refused.returncode == 1
        assert sentence in refused.stderr
