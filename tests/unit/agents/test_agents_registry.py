from __future__ import annotations

from pathlib import Path

import pytest

from paceline.agents.presets import PRESETS, detect_installed, preset
from paceline.agents.registry import declaration_for, load_declarations
from paceline.domain.work import AgentDeclaration
from paceline.errors import ConfigurationError


def declared(**options: object) -> AgentDeclaration:
    return AgentDeclaration.model_validate({"command": ["true"]} | options)


def test_the_name_as_written_goes_first_then_another_case_then_a_role_then_any() -> None:
    exact, folded, role, other, any_ = (declared(seed=seed) for seed in range(5))
    role.roles, other.roles = ["Backend Architect"], ["backend architect", "Tester"]
    table = {"role": role, "other": other, "BACKEND-Architect": folded, "Backend Architect": exact, "*": any_}
    assert declaration_for("Backend Architect", table) is exact
    del table["Backend Architect"]
    assert declaration_for("backend architect", table) is folded
    del table["BACKEND-Architect"]
    assert declaration_for("Backend_architect", table) is role
    assert declaration_for("tester", table) is other
    assert declaration_for("nobody", table) is any_
    del table["*"]
    assert declaration_for("nobody", table) is None


def test_tables_are_read_and_a_preset_is_a_beginning() -> None:
    text = """
    [server]
    port = 1
    [agents."API Developer"]
    preset = "claude"
    timeout = 60.0
    roles = ["backend"]
    [agents."*"]
    command = ["./agent.py", "{order}"]
    concurrency = 3
    [agents.QA]
    kind = "human"
    """
    read = load_declarations(text)
    assert list(read) == ["API Developer", "*", "QA"]
    assert read["API Developer"].command == preset("claude").command
    assert (read["API Developer"].timeout, read["API Developer"].output) == (60.0, "claude")
    assert read["API Developer"].roles == ["backend"]
    assert read["*"].concurrency == 3
    assert load_declarations("") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[agents", "p.toml is not TOML"),
        ("agents = 3", "`agents` must be tables"),
        ("[agents]\nx = 1", 'agents."x" must be a table'),
        ("[agents.x]\ncomand = ['a']", 'agents."x".comand'),
        ("[agents.x]\ncommand = 'a b'", 'agents."x".command'),
        ("[agents.x]\ncommand = ['a']\ntimeout = 0", 'agents."x".timeout'),
        ("[agents.x]\nkind = 'magic'", 'agents."x".kind'),
        ("[agents.x]\nconcurrency = 2", 'agents."x".command is missing'),
        ("[agents.x]\ncommand = [' ']", 'agents."x".command is missing'),
        ("[agents.x]\npreset = 'clyde'", 'agents."x".preset: There is no agent preset'),
    ],
)
def test_a_mistake_is_named_with_file_and_key(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_declarations(text, "p.toml")
    assert caught.value.message.startswith("p.toml")
    assert words in caught.value.message
    assert caught.value.details["file"] == "p.toml"


def test_a_preset_is_a_copy() -> None:
    preset("codex").command.append("x")
    assert "x" not in PRESETS["codex"].command
    with pytest.raises(ConfigurationError, match="claude, codex, opencode, aider"):
        preset("nothing")


def test_presets_agree_with_how_they_are_read() -> None:
    for name, known in PRESETS.items():
        assert known.command[0] == name
        assert known.kind == "command"
        assert known.output == (name if name != "aider" else "text")
        assert known.idle_timeout is not None, "a service that cannot be reached hangs some of them for ever"


def test_installed_agents_are_found_on_the_path(tmp_path: Path) -> None:
    folder = tmp_path
    for name in ("opencode", "claude", "other"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    (folder / "codex").write_text("not executable")
    assert detect_installed(str(folder)) == ["claude", "opencode"]
    assert detect_installed(str(folder / "none")) == []
