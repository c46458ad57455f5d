"""The repository's word on what stories may change beside their own files."""

from __future__ import annotations

import pytest

from paceline.agents.claim_options import ClaimOptions, load_claim_options
from paceline.errors import ConfigurationError


def test_what_is_written_is_read_and_the_rest_is_left_open() -> None:
    found = load_claim_options('[claims]\nforeign_edits = "ask"\n[proof]\nchecks = []\n')
    assert found == ClaimOptions(foreign_edits="ask")
    assert load_claim_options("") == ClaimOptions()


@pytest.mark.parametrize(
    ("text", "key"),
    [('[claims]\ngrowth = "maybe"\n', "claims.growth"), ("[claims]\ncolour = 1\n", "claims.colour")],
)
def test_what_does_not_fit_is_named(text: str, key: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"paceline.toml: {key}: "):
        load_claim_options(text)


def test_what_is_no_toml_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is not TOML"):
        load_claim_options("[claims")
