"""The repository's word on what proves a story."""

from __future__ import annotations

import pytest

from paceline.agents.proof_options import ProofOptions, load_proof_options
from paceline.domain.proof import CriteriaPolicy
from paceline.errors import ConfigurationError


def test_what_is_written_is_read_and_the_rest_is_left_open() -> None:
    found = load_proof_options(
        '[proof]\nchecks = ["make lint"]\ncriteria = "record"\n[agents.A]\nkind = "human"\n'
    )
    assert found == ProofOptions(checks=("make lint",), criteria=CriteriaPolicy.RECORD)
    assert load_proof_options("") == ProofOptions()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[proof]\ncriteria = "trust"\n', "proof.criteria"),
        ("[proof]\nchecks = [1]\n", "proof.checks.0"),
        ('[proof]\nchecks = ["  "]\n', "proof.checks.0"),
        ("[proof]\ncolour = 1\n", "proof.colour"),
        ("proof = 3\n", "proof"),
    ],
)
def test_what_does_not_fit_is_named(text: str, key: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"paceline.toml: {key}: ") as caught:
        load_proof_options(text)
    assert caught.value.details["key"] == key


def test_what_is_no_toml_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is not TOML"):
        load_proof_options("[proof")
