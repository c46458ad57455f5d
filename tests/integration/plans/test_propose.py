"""`paceline plan propose` and `accept` as a person uses them, with a real service of models behind them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from paceline.cli.plan_commands import app
from paceline.errors import (
    ConfigurationError,
    ModelNonsense,
    ModelTooLong,
    ModelUnauthorized,
    PacelineError,
    PlanError,
    PlanUnreadable,
    Refused,
)
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan
from tests.integration.api.command_line import PATIENCE, CommandLine
from tests.integration.api.terminals import Terminal
from tests.model_service import KEY, ModelService, Reply, model_service, saying

NOTES = """\
Minutes of Monday.

The pond leaks. Somebody has to line the pond, says Ada; run `make dry` to see whether it holds.
After that plant the lilies.
"""
ANSWER: dict[str, Any] = {
    "title": "Pond",
    "stories": [
        {
            "id": "S1",
            "title": "Line the pond",
            "quote": "Somebody has to line the pond",
            "agents": ["Ada"],
            "checks": ["make dry"],
        },
        {
            "id": "S2",
            "title": "Plant the lilies",
            "quote": "plant the lilies",
            "dependencies": [{"story": "S1", "quote": "After that plant the lilies"}],
        },
    ],
}


@pytest.fixture
def service() -> Generator[ModelService]:
    with model_service() as service:
        yield service


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: ModelService) -> Path:
    """A folder with notes and a declared model, as the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POND_KEY", KEY)
    monkeypatch.delenv("PACELINE_MODELS_FILE", raising=False)
    (tmp_path / "notes.md").write_text(NOTES)
    (tmp_path / "paceline.toml").write_text(
        f'[models.fast]\nkind = "openai"\nmodel = "m"\nbase_url = "{service.url}"\napi_key_env = "POND_KEY"\n'
        "timeout = 60\n"
    )
    return tmp_path


def run(*arguments: str, text: str | None = None) -> tuple[int, str, str]:
    """A command's exit status and what it printed; its refusal is raised, as `main` gets it."""
    result = CliRunner().invoke(app, list(arguments), input=text)
    assert KEY not in result.output
    if isinstance(result.exception, PacelineError):
        assert KEY not in f"{result.exception.message}{result.exception.details}"
        raise result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def refused(kind: type[PacelineError], *arguments: str) -> str:
    with pytest.raises(kind) as caught:
        run(*arguments)
    return caught.value.message


def nothing_holds_the_key(folder: Path) -> bool:
    return all(KEY.encode() not in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_notes_become_a_file_that_runs_after_it_was_accepted(folder: Path, service: ModelService) -> None:
    service.answers(saying(ANSWER))
    code, out, err = run("propose", "notes.md", "--with-model", "fast")
    proposal = folder / "notes.proposed.yaml"
    assert code == 0
    assert out.splitlines() == [
        "notes.proposed.yaml: 2 stories, not reviewed.",
        "  S1: Line the pond (Ada)",
        '      line 3: "Somebody has to line the pond"',
        "  S2: Plant the lilies (after S1)",
        '      line 4: "plant the lilies"',
        "Compare it with the notes and correct it, then: paceline plan accept notes.proposed.yaml",
    ]
    assert err.startswith("Asking model `fast` at 127.0.0.1:")
    code, out, _ = run("check", "notes.proposed.yaml")
    assert code == 1
    assert "PROPOSAL_NOT_REVIEWED error: A model proposed this plan from notes.md" in out
    code, out, _ = run("accept", "notes.proposed.yaml", "--as", "Ada", "--yes")
    assert code == 0
    assert "Commands that would run on this machine:\n  S1: make dry\n" in out
    assert out.endswith("Accepted by Ada; it may run: paceline run notes.proposed.yaml\n")
    plan = read_plan(proposal.read_text(), proposal.name)
    assert not has_errors(check_plan(plan))
    assert ("accepted by", "Ada") in [(fact.name, fact.value) for fact in plan.facts]
    assert proposal.read_text().startswith("# Proposed by a model, reviewed and accepted by Ada.\n")
    assert nothing_holds_the_key(folder)


def test_what_the_notes_do_not_say_is_shown(service: ModelService) -> None:
    odd = {"id": "S3", "title": "Buy a yacht\x1b[31m", "quote": "a yacht", "checks": ["rm -rf ~"]}
    service.answers(saying({**ANSWER, "stories": [*ANSWER["stories"], odd]}))
    _, out, _ = run("propose", "notes.md")
    assert "2 remarks on what the notes do not say:\n  `S3` `Buy a yacht" in out
    assert "the notes do not contain the command `rm -rf ~`, so it is left out" in out
    assert "\x1b" not in out
    _, out, _ = run("accept", "notes.proposed.yaml", "--yes")
    assert "\x1b" not in out
    assert "  S1: make dry\n" in out
    assert "rm -rf" not in out[out.index("Commands") : out.index("findings:")]


def test_programs_get_a_document_and_nothing_else(folder: Path, service: ModelService) -> None:
    service.answers(saying(ANSWER))
    code, out, err = run("propose", "notes.md", "--json")
    assert (code, json.loads(out)) == (0, {"file": "notes.proposed.yaml", "stories": 2, "remarks": []})
    assert "not reviewed" in err
    code, out, err = run("accept", "notes.proposed.yaml", "--as", "Ada", "--yes", "--json")
    assert code == 0
    assert json.loads(out) == {"file": "notes.proposed.yaml", "accepted_by": "Ada", "stories": 2}
    assert "make dry" in err


@pytest.mark.parametrize("kind", ["openai", "anthropic", "ollama"])
def test_every_kind_of_service_can_propose(folder: Path, service: ModelService, kind: str) -> None:
    declared = (folder / "paceline.toml").read_text()
    (folder / "paceline.toml").write_text(declared.replace('"openai"', f'"{kind}"'))
    service.answers(saying(f"```json\n{json.dumps(ANSWER)}\n```", kind))
    assert run("propose", "notes.md")[1].startswith("notes.proposed.yaml: 2 stories")


def test_a_wrong_answer_is_sent_back_with_what_is_wrong(service: ModelService) -> None:
    service.answers(saying({"title": "Pond"}), saying(ANSWER))
    code, _, err = run("propose", "notes.md")
    assert code == 0
    assert "The answer of `fast` is no plan (stories: Field required); asking again (2 of 3)." in err
    assert "stories: Field required" in service.calls[1].body["messages"][-1]["content"]


def test_answers_that_are_no_plan_are_kept_for_a_person(folder: Path, service: ModelService) -> None:
    service.answers(saying(f"I cannot. Your key is {KEY}."))
    message = refused(ModelNonsense, "propose", "notes.md")
    assert message.endswith("the answer is kept in notes.proposed.yaml.answer.txt.")
    assert (folder / "notes.proposed.yaml.answer.txt").read_text() == "I cannot. Your key is ***."
    assert not (folder / "notes.proposed.yaml").exists()
    assert len(service.calls) == 3
    assert nothing_holds_the_key(folder)


def test_an_answer_that_was_cut_off_is_kept_too(folder: Path, service: ModelService) -> None:
    service.answers(Reply({"choices": [{"message": {"content": '{"title"'}, "finish_reason": "length"}]}))
    assert "max_tokens" in refused(ModelTooLong, "propose", "notes.md", "--output", "x.yaml")
    assert (folder / "x.yaml.answer.txt").read_text() == '{"title"'


def test_a_wrong_key_writes_nothing(folder: Path, service: ModelService) -> None:
    service.answers(Reply({"error": {"message": f"Bad key {KEY}"}}, 401))
    before = sorted(folder.iterdir())
    assert "(Bad key ***); correct the key in POND_KEY" in refused(ModelUnauthorized, "propose", "notes.md")
    assert sorted(folder.iterdir()) == before


def test_what_is_wrong_on_this_side_is_said_before_anything_is_sent(
    folder: Path, service: ModelService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answers(saying(ANSWER))
    (folder / "empty.md").write_text("\n")
    (folder / "long.md").write_text("a b\n" * 30_000)
    (folder / "there.yaml").write_text("mine")
    for kind, said, arguments in (
        (ConfigurationError, "There is no model `slow`", ["notes.md", "--with-model", "slow"]),
        (PlanUnreadable, "empty.md is empty", ["empty.md"]),
        (ModelTooLong, "long.md has 120,000 characters", ["long.md"]),
        (PlanUnreadable, "missing.md cannot be read", ["missing.md"]),
        (PlanUnreadable, "is a folder", ["."]),
        (Refused, "there.yaml is there already", ["notes.md", "--output", "there.yaml"]),
    ):
        assert said in refused(kind, "propose", *arguments)
    monkeypatch.delenv("POND_KEY")
    assert "The variable POND_KEY is not set" in refused(ConfigurationError, "propose", "notes.md")
    (folder / "paceline.toml").unlink()
    assert "No model is declared" in refused(ConfigurationError, "propose", "notes.md")
    monkeypatch.setenv("PACELINE_MODELS_FILE", str(folder / "gone.toml"))
    assert "gone.toml cannot be read" in refused(ConfigurationError, "propose", "notes.md")
    assert service.calls == []
    assert (folder / "there.yaml").read_text() == "mine"


def test_a_file_that_is_there_is_replaced_on_demand(folder: Path, service: ModelService) -> None:
    service.answers(saying(ANSWER))
    (folder / "p.yaml").write_text("mine")
    assert run("propose", "-", "--output", "p.yaml", "--force", text=NOTES)[0] == 0
    assert read_plan((folder / "p.yaml").read_text()).source.kind == "proposal"


def test_a_text_that_can_be_read_is_said_to_be(folder: Path, service: ModelService) -> None:
    service.answers(saying(ANSWER))
    (folder / "notes.md").write_text(f"{NOTES}\n- [ ] line the pond\n- [ ] plant the lilies\n")
    assert (
        "notes.md can be read without a model too, as task list: 2 stories" in run("propose", "notes.md")[2]
    )


def test_models_are_found_above_up_to_the_top_of_the_checkout_and_no_higher(
    folder: Path, service: ModelService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answers(saying(ANSWER))
    deep = folder / "checkout" / "docs"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    notes = str(folder / "notes.md")
    assert "No model is declared" in refused(ConfigurationError, "propose", notes)
    (folder / "checkout" / ".git").mkdir()
    assert "No model is declared" in refused(ConfigurationError, "propose", notes)
    (folder / "paceline.toml").rename(folder / "checkout" / "paceline.toml")
    assert run("propose", notes)[0] == 0


def test_an_edited_proposal_is_accepted_as_it_is_now(folder: Path, service: ModelService) -> None:
    service.answers(saying(ANSWER))
    run("propose", "notes.md")
    proposal = folder / "notes.proposed.yaml"
    proposal.write_text(
        proposal.read_text().replace("title: Plant the lilies", "title: Plant reeds  # better")
    )
    run("accept", "notes.proposed.yaml", "--yes", "--as", "Bo")
    assert read_plan(proposal.read_text()).stories[1].title == "Plant reeds"


def test_a_proposal_as_json_stays_json(folder: Path, service: ModelService) -> None:
    service.answers(saying(ANSWER))
    run("propose", "notes.md")
    (folder / "p.json").write_text(run("show", "notes.proposed.yaml", "--json")[1])
    run("accept", "p.json", "--yes", "--as", "Bo")
    assert json.loads((folder / "p.json").read_text())["source"]["kind"] == "accepted proposal"
    assert run("check", "p.json")[0] == 0


def test_what_cannot_be_accepted_stays_as_it_is(folder: Path, service: ModelService) -> None:
    service.answers(saying(ANSWER))
    run("propose", "notes.md")
    proposal = folder / "notes.proposed.yaml"
    before = proposal.read_text()
    assert "add --yes if you have read it" in refused(Refused, "accept", "notes.proposed.yaml")
    assert "write your name" in refused(Refused, "accept", "notes.proposed.yaml", "--yes", "--as", " \n")
    assert proposal.read_text() == before
    broken = before.replace("resolved:\n    - S1", "resolved:\n    - S9")
    assert broken != before
    proposal.write_text(broken)
    assert "has errors" in refused(PlanError, "accept", "notes.proposed.yaml", "--yes")
    assert proposal.read_text() == broken
    (folder / "plan.md").write_text("# P\n## Story 1: Dig\n- **Agent**: Ada\n")
    assert "is no proposal" in refused(Refused, "accept", "plan.md", "--yes")
    assert "is no file" in refused(PlanUnreadable, "accept", ".", "--yes")


@pytest.fixture
def paceline(folder: Path) -> CommandLine:
    return CommandLine({**os.environ, "PACELINE_DEBUG": "1", "PACELINE_HOME": str(folder / "home")})


def hearing_interrupts() -> None:
    """Make Ctrl-C what it is at a terminal."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_it_at_once_and_writes_nothing(
    folder: Path, service: ModelService, paceline: CommandLine
) -> None:
    service.answers(Reply(silent=True))
    before = sorted(folder.iterdir())
    with subprocess.Popen(
        paceline.command("plan", "propose", "notes.md"),
        env=paceline.variables,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what it puts in the background deaf to Ctrl-C, and that is inherited.
        preexec_fn=hearing_interrupts,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Asking model `fast`")
        assert service.asked.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "Stopped; nothing was written.\n"
    assert process.returncode == 130
    assert sorted(folder.iterdir()) == before


def test_a_person_at_a_terminal_is_shown_a_way_out_and_asked_before_accepting(
    folder: Path, service: ModelService, paceline: CommandLine
) -> None:
    service.answers(saying(ANSWER))
    shown = Terminal.of(paceline, "plan", "check", "notes.md")
    try:
        assert shown.read_to_the_end() == 2
        assert "The smallest plan looks like this:" in shown.screen
        assert "paceline plan propose notes.md --with-model fast" in shown.screen
    finally:
        shown.close()
    run("propose", "notes.md")
    before = (folder / "notes.proposed.yaml").read_text()
    for typed, status in (("n\r", 1), ("y\r", 0)):
        asked = Terminal.of(paceline, "plan", "accept", "notes.proposed.yaml", "--as", "Ada")
        try:
            asked.read_until("Accept 2 stories as Ada? [y/N]: ")
            assert (folder / "notes.proposed.yaml").read_text() == before
            asked.type(typed)
            assert asked.read_to_the_end() == status
        finally:
            asked.close()
    assert read_plan((folder / "notes.proposed.yaml").read_text()).source.kind == "accepted proposal"
