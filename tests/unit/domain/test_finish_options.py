"""What a repository may say of the end of a sprint, and how a command's places are filled."""

from __future__ import annotations

import pytest

from paceline.agents.finish_options import load_finish_options
from paceline.domain.finish import GITHUB, FinishOptions, filled
from paceline.errors import ConfigurationError


def test_a_repository_that_says_nothing_wants_nothing() -> None:
    assert load_finish_options("[proof]\nchecks = []\n") == FinishOptions()


def test_true_stands_for_the_command_of_github() -> None:
    found = load_finish_options('[finish]\npush = "origin"\npull_request = true\n')
    assert found.pull_request == GITHUB


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[finish]\npush = 3\n", "finish.push"),
        ("[finish]\npull_request = true\n", "set push"),
        ("[finish]\npush = 'o'\npull_request = ['x', '{token}']\n", "{token} stands for nothing"),
        ("[finish]\nremote = 'o'\n", "finish.remote"),
        ("[finish\n", "is not TOML"),
    ],
)
def test_what_does_not_fit_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_finish_options(text)
    assert said in refused.value.message


def test_a_value_is_not_read_again() -> None:
    values = {"branch": "b", "title": "{branch} $(rm)", "base": "main", "body_file": "f"}
    assert filled(["x", "{branch}..{base}", "{title}"], values) == ["x", "b..main", "{branch} $(rm)"]
