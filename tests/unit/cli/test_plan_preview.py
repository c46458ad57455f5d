"""`paceline plan preview` as a person and as a program see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from paceline.cli.plan_chart import bar, histogram, lane, lanes, percent, scale
from paceline.cli.plan_commands import app
from paceline.domain.forecast_report import Bin, Placed
from paceline.errors import ConfigurationError
from paceline.plans.mermaid import to_mermaid
from paceline.plans.reader import read_plan
from tests.sample_plans import E, S, plan
from tests.unit.cli.test_plan_commands import BAD, GOOD, run


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    path = tmp_path / "feast.md"
    path.write_text(GOOD)
    return path


def test_preview_shows_waves_path_load_and_contention(plan_file: Path) -> None:
    code, out, _ = run("preview", str(plan_file))
    assert code == 0
    assert "Critical path, 3 points: 1 story\n  Story 1\n" in out
    assert "cake.py" in out
    code, out, _ = run("preview", str(plan_file), "--json")
    found = json.loads(out)
    assert found["waves"] == [["Story 1", "Story 2"]]
    assert found["critical_path"] == ["Story 1"]
    assert found["critical_points"] == 3.0
    assert found["agents"] == [{"agent": "Bake Agent", "stories": ["Story 1", "Story 2"], "points": 5.0}]
    assert found["contention"] == [{"pattern": "cake.py", "stories": ["Story 1", "Story 2"]}]


def test_preview_of_a_plan_with_errors_shows_them(plan_file: Path) -> None:
    plan_file.write_text(BAD)
    code, out, err = run("preview", str(plan_file), "--json")
    assert (code, out) == (1, "")
    assert "DEPENDENCY_CYCLE" in err


def chained(epic: int, number: int) -> S:
    before = f"Story {epic}.{number - 1}" if number else ""
    return S(f"{epic}.{number}", before, points=2, files=(f"src/{epic}/{number}.py",))


def large_plan(stories: int) -> str:
    """Chains of ten, each in files of its own; markup in titles must not be taken for markup."""
    epics = [
        E(
            str(epic),
            [
                S(
                    f"{epic}.{n}",
                    f"Story {epic}.{n - 1}" if n else "",
                    points=2,
                    files=(f"src/{epic}/{n}.py",),
                )
                for n in range(10)
            ],
        )
        for epic in range(stories // 10)
    ]
    return plan(*epics, title="Large [bold]plan[/bold] \x1b[31m")


def test_the_forecast_is_printed_with_what_it_rests_on(plan_file: Path) -> None:
    code, out, _ = run("preview", str(plan_file), "--pace", "Bake Agent=2", "--by", "3", "--rounds", "50")
    assert code == 0
    assert "50 rounds, seed 0. Pace: 1 point a working day for each agent, Bake Agent 2." in out
    assert "Day 2.5 if every story takes exactly its expected time" in out
    assert "Within 3 working days: " in out
    assert "\u2588" in out
    assert "\u251c" in out


def test_json_has_the_whole_forecast_and_is_the_same_every_time(plan_file: Path) -> None:
    arguments = ("preview", str(plan_file), "--json", "--seed", "3", "--max-parallel", "2", "--batch")
    _, out, _ = run(*arguments)
    assert out == run(*arguments)[1]
    found = json.loads(out)
    assert found["forecast"]["assumptions"]["limits"]["mode"] == "batch"
    assert found["forecast"]["assumptions"]["seed"] == 3
    assert sum(each["rounds"] for each in found["forecast"]["finish"]["histogram"]) == 1000
    assert found["finish_if_files_were_named"] is None
    assert out != run(*arguments[:3], "--seed", "4", *arguments[5:])[1]


def test_stories_without_files_are_said_to_run_alone(plan_file: Path) -> None:
    plan_file.write_text(GOOD.replace("- **Files**: `cake.py`\n", ""))
    _, out, _ = run("preview", str(plan_file))
    assert "2 stories name no files or all, and take the whole repository, one at a time." in out
    found = json.loads(run("preview", str(plan_file), "--json", "--concurrency", "2")[1])
    assert found["finish_if_files_were_named"]["p80"] < found["forecast"]["finish"]["p80"]


def test_sprints_stand_apart(tmp_path: Path) -> None:
    path = tmp_path / "sprints.md"
    path.write_text(
        "# Rollout\n## Sprint 1 (Week 1)\n- **US-1**: Dig (3 points)\n"
        "## Sprint 2 (Week 2)\n- **US-2**: Sow (2 points)\n"
    )
    _, out, _ = run("preview", str(path))
    assert "  Sprint 1, 1 story, 3 points\n  1  US-1  Dig  3" in out, out
    assert "  Sprint 2, 1 story, 2 points\n  2  US-2  Sow  2" in out
    assert [each["sprint"] for each in json.loads(run("preview", str(path), "--json")[1])["sprints"]] == [
        "Sprint 1",
        "Sprint 2",
    ]


def test_a_large_plan_is_summed_up_unless_all_of_it_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "large.md"
    path.write_text(large_plan(600))
    code, out, _ = run("preview", str(path), "--rounds", "3")
    assert code == 0
    assert len(out.splitlines()) < 80
    assert "60 stories, 120 points" in out
    assert "[bold]plan[/bold]" in out
    assert "\x1b" not in out
    _, whole, _ = run("preview", str(path), "--rounds", "3", "--all")
    assert all(f"Story {epic}.{n} " in whole for epic in range(60) for n in range(10))


def test_mermaid_is_the_graph_and_nothing_else(plan_file: Path) -> None:
    code, out, _ = run("preview", str(plan_file), "--mermaid")
    assert (code, out) == (0, to_mermaid(read_plan(GOOD)))


def test_agents_are_bounded_as_their_declarations_say(plan_file: Path, tmp_path: Path) -> None:
    config = tmp_path / "paceline.toml"
    config.write_text('[agents."*"]\nkind = "human"\nconcurrency = 3\n')
    limits = forecast_limits(plan_file, "--config", str(config))
    assert (limits["concurrency"], limits["people"]) == ({"Bake Agent": 3}, ["Bake Agent"])
    config.write_text('[agents."Bake Agent"]\ncommand = ["true"]\nconcurrency = 2\n')
    limits = forecast_limits(plan_file, "--config", str(config), "--concurrency", "Bake Agent=4")
    assert (limits["concurrency"], limits["people"]) == ({"Bake Agent": 4}, [])


def forecast_limits(plan_file: Path, *arguments: str) -> dict[str, object]:
    out = run("preview", str(plan_file), "--json", "--rounds", "2", *arguments)[1]
    return json.loads(out)["forecast"]["assumptions"]["limits"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pace", "fast"), "--pace fast is not a number above zero"),
        (("--pace", "0"), "--pace 0 is not"),
        (("--pace", "=3"), "--pace =3 is not"),
        (("--pace", "Nobody=3"), "no agent Nobody; it names Bake Agent"),
        (("--concurrency", "1.5"), "1.5 is not a whole number"),
        (("--config", "missing.toml"), "missing.toml cannot be read"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(
    plan_file: Path, arguments: tuple[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message.replace("+", "[+]")):
        CliRunner().invoke(app, ["preview", str(plan_file), *arguments], catch_exceptions=False)


def test_bars_have_eighths_and_nothing_is_not_something() -> None:
    assert [bar(share, 2) for share in (0, 0.001, 0.5, 0.75, 1, 7)] == ["", "▏", "█", "█▌", "██", "██"]
    assert [percent(share) for share in (0, 0.001, 0.5, 0.999, 1)] == ["0%", "<1%", "50%", ">99%", "100%"]
    bins = [Bin(start=0, end=2.5, rounds=1), Bin(start=2.5, end=5, rounds=3)]
    assert list(histogram(bins, 3)) == [("0 to 2.5", "█", "25%", "25%"), ("2.5 to 5", "███", "75%", "100%")]


def test_lanes_show_who_does_what_when() -> None:
    def placed(story: str, start: float, end: float, *agents: str) -> Placed:
        return Placed(story=story, sprint=None, agents=list(agents), start=start, end=end)

    a, b, c = placed("Story 1", 0, 5, "Ada"), placed("Story 2", 2, 4, "Ada", "Bo"), placed("S-3", 5, 10)
    rows = lanes([a, b, c], "(no agent)")
    assert rows == [("Ada", [a]), ("", [b]), ("Bo", [b]), ("(no agent)", [c])]
    assert lane([a], 10, 20) == "├Story 1─┤"
    assert lane([b], 10, 20) == "    ├2─┤"
    assert lane([c], 10, 10) == "     ├S-3┤"
    assert lane([placed("x", 0, 0.1)], 10, 10) == "█"
    assert scale(10, 20, 5) == "0         5         10"
