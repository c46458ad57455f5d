"""Signatures as Standard Webhooks says, filters, addresses that are shown or refused, pauses."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from paceline.domain.addresses import address_of, may_be_reached, networks_of
from paceline.domain.webhooks import (
    checked_url,
    known_filters,
    matches,
    ping_of,
    secret_bytes,
    secret_of,
    shown_address,
    signed_headers,
)
from paceline.domain.webhooks import pause_after as pause

HOW_TO = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "webhooks.md"


def test_the_signature_is_that_of_the_specifications_example() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    found = signed_headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}')
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_snippet_of_the_document_verifies_what_is_sent_and_nothing_else() -> None:
    code = HOW_TO.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    space: dict[str, Any] = {}
    exec(code, space)  # noqa: S102 - it is what the reader copies
    is_from_paceline = space["is_from_paceline"]
    old, new = secret_of(b"o" * 32), secret_of(b"n" * 32)
    body = ping_of("wh-1", datetime(2026, 11, 22, tzinfo=UTC))
    now = int(datetime.now(UTC).timestamp())
    headers = signed_headers([new, old], "n-1", now, body)
    assert is_from_paceline(old, headers, body.encode())
    assert is_from_paceline(new, headers, body.encode())
    assert not is_from_paceline(secret_of(b"x" * 32), headers, body.encode())
    assert not is_from_paceline(new, headers, body.encode() + b" ")
    assert not is_from_paceline(new, headers | {"webhook-id": "n-2"}, body.encode())
    late = signed_headers([new], "n-1", now - 301, body)
    assert not is_from_paceline(new, late, body.encode())


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], True),
        (["story.merged"], True),
        (["story.*"], True),
        (["WORKFLOW_EVENT"], True),
        (["story"], False),
        (["story.failed", "claim.*", "HITL_REQUEST"], False),
        (["sto.*"], False),
    ],
)
def test_filters_are_types_names_and_beginnings_of_names(filters: list[str], expected: bool) -> None:
    assert matches(filters, "story.merged", "WORKFLOW_EVENT") is expected


def test_a_type_that_is_none_is_refused() -> None:
    assert known_filters(["HITL_REQUEST", "a.b", "a.b"]) == ["HITL_REQUEST", "a.b"]
    with pytest.raises(ValueError, match="HITL_REQUESTS is no type"):
        known_filters(["HITL_REQUESTS"])


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!!", "bm8gcHJlZml4IGhlcmUgYXQgYWxsLi4u"]
)
def test_what_is_no_secret_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(ValueError, match="a secret is whsec_ and 24 to 64 random bytes") as refused:
        secret_bytes(secret)
    assert len(secret) < 10 or secret not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1",  # noqa: S104
        "ff02::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
        "2002:7f00:1::",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused_unless_allowed(address: str) -> None:
    found = address_of(address)
    assert found is not None
    assert not may_be_reached(found, ())
    assert may_be_reached(found, networks_of("0.0.0.0/0, ::/0"))


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_reached(address: str) -> None:
    found = address_of(address)
    assert found is not None
    assert may_be_reached(found, ())


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org", "file:///etc/passwd", "https://", "//example.org", "https://user:word@example.org",
        "https://user@example.org/", "http://127.0.0.1/", "http://[::1]:80/", "http://example.org/a b",
        "http://exa\nmple.org/", "http://example.org:99999/", "gopher://example.org", "javascript:alert(1)",
        "http://169.254.169.254/latest/meta-data", "https://bücher.example/",
    ],
)  # fmt: skip
def test_addresses_that_cannot_be_meant_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        checked_url(url, ())


def test_an_address_within_says_what_allows_it() -> None:
    with pytest.raises(ValueError, match=r"PACELINE_WEBHOOK_NETWORKS.*such as 127\.0\.0\.1$"):
        checked_url("http://127.0.0.1:9000/", ())


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    url = checked_url("https://hooks.example.org:8443/services/T0/s3cr3t?key=1", ())
    assert shown_address(url) == "https://hooks.example.org:8443/…"
    assert shown_address("https://hooks.example.org/") == "https://hooks.example.org"


def test_pauses_grow_to_an_hour_and_are_spread() -> None:
    assert [pause(5, tries, 1.0) for tries in (1, 2, 3, 20)] == [5, 10, 20, 3600]
    assert pause(5, 2, 0.5) == 5
