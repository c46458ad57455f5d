"""The documents say what the code does: settings, codes, events, commands, endpoints, fields and links."""

from __future__ import annotations

import ast
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import typer.main
from pydantic import BaseModel, SecretStr
from typer.core import TyperArgument, TyperGroup, TyperOption

from api.allow_list import parse_users
from api.errors import STATUS_OF_CODE
from api.main import RESOURCES
from api.routes import health, scrape
from paceline import errors
from paceline.agents.adjusting_options import load_adjusting_options
from paceline.agents.calendar_options import load_calendar_options
from paceline.agents.claim_options import ClaimOptions, load_claim_options
from paceline.agents.completion_options import load_completion_options
from paceline.agents.finish_options import load_finish_options
from paceline.agents.metrics_options import load_metrics_options
from paceline.agents.model_declaration import load_models
from paceline.agents.notify_options import load_notify_options
from paceline.agents.proof_options import ProofOptions, load_proof_options
from paceline.agents.question_options import QuestionTable, load_question_options
from paceline.agents.registry import load_declarations
from paceline.agents.story_options import StoryOptions, load_story_options
from paceline.cli.main import app
from paceline.domain.events import EventType
from paceline.domain.finish import FinishOptions
from paceline.domain.metric_rules import MetricsOptions
from paceline.domain.notifications import NotifyOptions
from paceline.domain.questions import MEANING
from paceline.domain.states import FINAL_STATES, StoryState
from paceline.domain.status import AdjustingOptions
from paceline.domain.work import AgentDeclaration, WorkOrder, WorkResult
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan
from paceline.settings import Settings
from paceline.vcs.options import WorktreeOptions, load_worktree_options
from tests.documents import DOCUMENTS, ROOT, anchors, without_code

REFERENCE = ROOT / "docs" / "reference"
PACKAGES = ("paceline", "workflows", "activities", "workers", "api")
NO_DEFAULT = {"home", "cache"}
"""Settings whose default is a folder of the user."""


def sources() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of ours, parsed."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def rows(document: str, heading: str = "") -> list[list[str]]:
    """Cells of the first table of a document, or of the first after a heading, without its head."""
    text = (REFERENCE / document).read_text(encoding="utf-8")
    lines = text[text.index(heading) :].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| ---"))
    found: list[list[str]] = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip().strip("|").split(" | ")])
    return found


def quoted(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def told_defaults(document: str, heading: str = "") -> dict[str, str]:
    """Name to default of a table of fields."""
    return {quoted(row[0])[0]: row[1].strip("`") for row in rows(document, heading)}


def defaults(model: type[BaseModel]) -> dict[str, str]:
    """Name to default as the documents write it."""
    values = {
        name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()
    }
    return {name: "none" if value is None else str(value) for name, value in values.items()}


def test_settings_are_those_of_the_code() -> None:
    told, real = told_defaults("settings.md"), defaults(Settings)
    assert list(told) == list(real)
    for name in real.keys() - NO_DEFAULT:
        assert told[name] == real[name], name


def test_every_setting_is_used() -> None:
    used = {
        node.attr
        for path, tree in sources()
        if path.name != "settings.py" or path.parent.name == "cli"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    }
    derived = {"home", "database_url"}  # read through properties of the settings
    assert Settings.model_fields.keys() - used - derived == set()


def test_a_token_is_never_shown() -> None:
    assert "hunter2" not in repr(Settings(api_token=SecretStr("hunter2")))


def test_declaration_fields_are_those_of_the_code() -> None:
    assert told_defaults("agents.md", "## Declaration") == defaults(AgentDeclaration)


@pytest.mark.parametrize(("heading", "model"), [("## Work order", WorkOrder), ("## Work result", WorkResult)])
def test_fields_of_the_contract_are_those_of_the_code(heading: str, model: type[BaseModel]) -> None:
    told = [name for row in rows("agents.md", heading) for name in quoted(row[0])]
    assert sorted(told) == sorted(model.model_fields)


def error_classes() -> list[type[errors.PacelineError]]:
    """The tree, in the order of its module."""
    return [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.PacelineError)
    ]


def test_error_codes_are_those_of_the_tree_with_the_status_of_the_api() -> None:
    told = {quoted(row[0])[0]: int(row[1]) for row in rows("errors.md")}
    assert told == {each.code: STATUS_OF_CODE[each.code] for each in error_classes()}


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"(\w+) {2,}([A-Z_]+)$", errors.__doc__ or "", re.MULTILINE)
    assert dict(drawn) == {each.__name__: each.code for each in error_classes()}


def emitted_names() -> set[str]:
    """Names of the events that the code makes, from every `EventDraft(name=...)`."""
    found: set[str] = set()
    for path, tree in sources():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "EventDraft"
            ):
                value = next(each.value for each in node.keywords if each.arg == "name")
                found |= _names(value, tree, path)
    return found


def _names(value: ast.expr, tree: ast.Module, path: Path) -> set[str]:
    if isinstance(value, ast.Constant):
        return {str(value.value)}
    if isinstance(value, ast.JoinedStr):
        assert ast.unparse(value) == "f'story.{step.state.value}'", f"{path}: {ast.unparse(value)}"
        return {f"story.{state.value}" for state in FINAL_STATES - {StoryState.BLOCKED}}
    assert isinstance(value, ast.Name), f"{path}: {ast.unparse(value)}"
    assigned = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == value.id
    ]
    texts = [
        str(node.value)
        for expression in assigned
        for node in ast.walk(expression)
        if isinstance(node, ast.Constant)
    ]
    assert texts, f"{path}: {value.id} is not assigned where the test can see it"
    return set(texts)


def test_event_names_are_those_that_are_made() -> None:
    told = {name for row in rows("events.md") for name in quoted(row[0])}
    assert told == emitted_names()


def test_event_types_are_those_a_client_can_rely_on() -> None:
    assert {quoted(row[1])[0] for row in rows("events.md")} == {each.value for each in EventType}


def test_question_kinds_and_what_their_answers_mean() -> None:
    told = {quoted(row[0])[0]: row[2:] for row in rows("questions.md")}
    assert told == {kind.value: list(meaning.values()) for kind, meaning in MEANING.items()}


def commands() -> dict[str, Any]:
    """Every command of the command line by its full name."""
    found: dict[str, Any] = {}
    left: list[tuple[str, Any]] = [("paceline", typer.main.get_command(app))]
    while left:
        path, command = left.pop()
        if isinstance(command, TyperGroup):
            left += [(f"{path} {name}", inner) for name, inner in command.commands.items()]
        else:
            found[path] = command
    return found


def test_commands_and_options_are_those_of_the_command_line() -> None:
    told = {quoted(row[0])[0]: quoted(row[1]) for row in rows("cli.md")}
    real: dict[str, list[str]] = {}
    for path, command in commands().items():
        arguments = [each for each in command.params if isinstance(each, TyperArgument)]
        words = [each.name if each.required else f"[{each.name}]" for each in arguments]
        name = " ".join([path, *(str(word).upper() for word in words)])
        real[name] = [
            option for each in command.params if isinstance(each, TyperOption) for option in each.opts
        ]
    assert told == real


def test_endpoints_are_those_of_the_api() -> None:
    told = {quoted(row[0])[0] for row in rows("api.md")}
    real: set[str] = set()
    for module in (*RESOURCES, health, scrape):
        prefix = "" if module in (health, scrape) else "/api/v1"
        for route in cast(list[Any], module.router.routes):
            path = re.sub(r"\{(\w+):path\}", r"{\1}", route.path)
            # HEAD goes where GET does.
            real |= {f"{method} {prefix}{path}" for method in route.methods - {"HEAD"}}
    assert told == real


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_anchors_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(document)):
        place, _, anchor = target.partition("#")
        if "://" in target:
            continue
        file = (document.parent / place).resolve() if place else document
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(document: Path) -> None:
    folders = "|".join([*PACKAGES, "tests", "examples", "deploy", "docs", "scripts"])
    for path in re.findall(
        rf"`((?:{folders})/[\w./-]+\.(?:py|md|toml|yml|yaml|sh))(?:::\w+)?`", document.read_text()
    ):
        assert (ROOT / path).exists(), path


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for document in (ROOT / "docs").rglob("*.md"):
        path = document.relative_to(ROOT / "docs")
        assert path.name == "README.md" or f"({path.parts[0]}" in index, path
        assert path.parts[0] in ("decisions", "README.md") or f"({path})" in index, path


def test_every_command_of_paceline_that_is_named_is_one() -> None:
    known = {path.split()[1] for path in commands()}
    for document in DOCUMENTS:
        for line in re.findall(r"^ {4}(paceline .*)$|`(paceline [^`]+)`", document.read_text(), re.MULTILINE):
            words = shlex.split("".join(line).split("#")[0].replace("...", ""))
            assert words[1] in known, f"{document.name}: {words}"


def test_ci_calls_the_commands_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    readme = (ROOT / "README.md").read_text()
    section = readme[readme.index("## Two commands") : readme.index("## Your own plan")]
    named = re.findall(r"^ {4}(make \w+)", section, re.MULTILINE)
    assert named == ["make run", "make test"]
    called = set(re.findall(r"make (?:--no-print-directory )?(\w+)", script))
    assert {"test", "lint", "types", "migrations"} <= called


def blocks(language: str) -> list[tuple[str, str]]:
    """The fenced blocks of a language in all documents, with the document's name."""
    fence = re.compile(rf"^( *)```{language}\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
    return [
        (document.name, textwrap.dedent(found[1]))
        for document in DOCUMENTS
        for found in fence.findall(document.read_text(encoding="utf-8"))
    ]


def test_plans_in_the_documents_can_run() -> None:
    shown = blocks("markdown")
    assert shown
    for name, text in shown:
        assert check_plan(read_plan(text, name)) == []


def test_declarations_in_the_documents_are_valid() -> None:
    shown = blocks("toml")
    assert len(shown) >= 3
    for name, text in shown:
        if text.startswith("[[users]]"):
            assert parse_users(text, name)
            continue
        worktrees = load_worktree_options(text, name) != WorktreeOptions()
        proof = load_proof_options(text, name) != ProofOptions()
        finish = load_finish_options(text, name) != FinishOptions()
        rules = load_claim_options(text, name) != ClaimOptions() or load_calendar_options(text, name)
        rules = rules or load_completion_options(text, name)
        rules = rules or load_metrics_options(text, name) != MetricsOptions()
        rules = rules or load_adjusting_options(text, name) != AdjustingOptions()
        rules = rules or load_notify_options(text, name) != NotifyOptions()
        rules = rules or load_question_options(text, name) != QuestionTable()
        rules = rules or load_story_options(text, name) != StoryOptions()
        assert (
            load_declarations(text, name) or load_models(text, name) or worktrees or proof or finish or rules
        )
