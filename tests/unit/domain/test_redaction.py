"""Secrets are found wherever a stream is cut, and nothing else is touched."""

from __future__ import annotations

import random

import pytest

from paceline.domain.redaction import OVERLAP, REDACTED, Redaction, secret_values

VALUE = b"correct-horse-battery"
BLOCK = b"-----BEGIN RSA PRIVATE KEY-----\n" + b"a" * 3000 + b"\n-----END RSA PRIVATE KEY-----"
SECRETS = (
    b"ghp_" + b"a" * 36,
    BLOCK,
    b"Authorization: Bearer abcdefghijklmnopqrstuv",
    b"https://me:pa55@example.org",
    b"AKIA" + b"A1" * 8,
    b"pct_0123456789ab_" + b"Zz9-" * 10 + b"abc",
    b"whsec_" + b"Zz9/" * 8,
    VALUE,
)


def redacted(text: bytes, *values: bytes, kinds: bool = True) -> bytes:
    return b"".join(Redaction(values, kinds=kinds).all_of([text]))


@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
def test_each_kind_goes_and_what_is_around_it_stays(secret: bytes) -> None:
    found = redacted(b"before " + secret + b" after", VALUE)
    assert REDACTED in found
    assert found.startswith(b"before ")
    assert found.endswith(b" after")
    assert secret not in found


@pytest.mark.parametrize("seed", range(20))
def test_a_secret_over_the_end_of_a_piece_is_found(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's data
    body = b"".join(
        chance.choice([b"z" * chance.randint(0, 9000) + b" ", b"\n"]) + chance.choice(SECRETS) + b" "
        for _ in range(40)
    )
    size = chance.randint(1, 4 * OVERLAP)
    cut = Redaction([VALUE])
    found = b"".join(cut.all_of(body[at : at + size] for at in range(0, len(body), size)))
    assert cut.count == 40
    assert found == redacted(body, VALUE)


def test_ordinary_text_stays_as_it_is() -> None:
    text = b"sk-8 https://example.org/a:b highs pct_short eyJ0 risk-averse AKIA " * 5000
    assert redacted(text, b"x" * 20) == text


def test_a_patch_loses_known_values_only() -> None:
    assert redacted(SECRETS[0] + b" " + VALUE, VALUE, kinds=False) == SECRETS[0] + b" " + REDACTED


def test_short_values_are_left_alone_and_long_ones_go_first() -> None:
    values = ["abcdefghij", "short", "k" * 9, "abcdefghij"]
    assert secret_values(values) == (b"abcdefghij", b"k" * 9)
