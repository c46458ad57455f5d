"""Damaged plans of every format are read or refused; nothing else happens, and always the same.

The sample plans are cut, doubled, shuffled and crossed with each other, as bytes and as lines. Each seed is
one damaged document, so a failure is repeated by its seed. The short tier runs a bounded number of them;
`pytest -m long tests/unit/plans/test_fuzz.py` runs many more.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from paceline.domain.plan import Plan
from paceline.domain.schedule import preview
from paceline.errors import PlanUnreadable
from paceline.plans.document import decode_plan
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan
from tests.shared_plans import FOLDER

ROOT = Path(__file__).resolve().parents[3]
LARGEST = 60_000
"""Bytes of a damaged document."""
NASTY = (
    *(
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\r",
        b"\t",
        b"\\",
        b"`",
        b"```\n",
        b"~~~\n",
        b"<!--",
        b"-->",
        b"<td>",
    ),
    *(b"---\n", b"===\n", b"|", b"| --- |\n", b"- [ ] ", b"- [x] ", b"1. ", b"# ", b"####### ", b"> ", b"**"),
    *(
        b"(",
        b")",
        b"[",
        b"](",
        b"{",
        b"}",
        b'"',
        b":",
        b"&amp;",
        b"&#0;",
        b"0",
        b"-1",
        b"1e999",
        b"NaN",
        b"null",
    ),
    *(
        "\u2028".encode(),
        "\u202e".encode(),
        "\u00df".encode(),
        "\uff1a".encode(),
        "\u0130".encode(),
        b"*a",
        b"&a",
    ),
    *(b"Story 1.1", b"Epic 1", b"Sprint 1", b"T001", b"US-1.1", b"None", b"(3 points)", b"1-99999999"),
)


@cache
def _samples() -> tuple[bytes, ...]:
    files = sorted(
        path
        for folder in (ROOT / "tests" / "plans", ROOT / "examples", FOLDER)
        if folder.is_dir()
        for path in folder.rglob("*")
        if path.suffix in {".md", ".json", ".yaml", ".html"} and not path.name.endswith(".truth.yaml")
    )
    samples = [path.read_bytes() for path in files]
    normal = read_plan((ROOT / "examples" / "toolshed" / "plan.md").read_text("utf-8"))
    return (*samples, normal.to_json().encode())


def _cut(data: bytes, chance: random.Random) -> bytes:
    first, last = sorted(chance.choices(range(len(data) + 1), k=2))
    return data[:first] + data[last:] if chance.random() < 0.5 else data[first:last]


def _insert(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randrange(1, 20)):
        place = chance.randrange(len(data) + 1)
        data = data[:place] + chance.choice(NASTY) * chance.choice((1, 1, 1, 3, 200)) + data[place:]
    return data


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 30) if changed else 0):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _shuffle(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    first = chance.randrange(len(lines) + 1)
    part = lines[first : first + chance.randrange(1, 40)]
    chance.shuffle(part)
    return b"".join(lines[:first] + part + lines[first + len(part) :])


def _repeat(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    first = chance.randrange(len(lines) + 1)
    part = lines[first : first + chance.randrange(1, 20)]
    return b"".join(lines[:first] + part * chance.randrange(2, 30) + lines[first:])


def _indent(data: bytes, chance: random.Random) -> bytes:
    prefixes = (b"  ", b"    ", b"\t", b"> ", b"- ", b"#", b"")
    return b"".join(
        chance.choice(prefixes) + line if chance.random() < 0.3 else line
        for line in data.splitlines(keepends=True)
    )


def _cross(data: bytes, chance: random.Random) -> bytes:
    other = chance.choice(_samples()).splitlines(keepends=True)
    own = data.splitlines(keepends=True)
    place, first = chance.randrange(len(own) + 1), chance.randrange(len(other))
    return b"".join(own[:place] + other[first : first + chance.randrange(1, 60)] + own[place:])


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_cut, _insert, _flip, _shuffle, _repeat, _indent, _cross),
)


def _damaged(seed: int) -> bytes:
    chance = random.Random(seed)  # noqa: S311 - the same documents in every run
    data = chance.choice(_samples())
    for damage in chance.choices(DAMAGES, k=chance.randrange(1, 4)):
        data = damage(data, chance)[:LARGEST]
    return data


def _read(data: bytes) -> Plan | PlanUnreadable:
    try:
        return read_plan(decode_plan(data, "plan"), "plan")
    except PlanUnreadable as error:
        return error


def _outcome(data: bytes) -> str:
    """Everything that is understood of a document, or why it is refused."""
    plan = _read(data)
    if isinstance(plan, PlanUnreadable):
        assert "\n" not in plan.message, "a refusal is one line"
        return f"{plan.code}: {plan.message}"
    found = check_plan(plan)
    assert read_plan(plan.to_json()).to_json() == plan.to_json(), "the normal form does not round-trip"
    last = decode_plan(data).count("\n") + decode_plan(data).count("\r") + 1
    assert all(1 <= (each.line or 1) <= last for each in found), "a finding is outside the document"
    if not has_errors(found):
        preview(plan)
    return plan.to_json() + "\n".join(each.model_dump_json() for each in found)


def _survives(seeds: range) -> int:
    plans = 0
    for seed in seeds:
        data = _damaged(seed)
        try:
            outcome = _outcome(data)
            assert outcome == _outcome(data), "the same document gave another plan"
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
        plans += outcome.startswith("{")
    return plans


def test_damaged_plans_are_read_or_refused() -> None:
    assert _survives(range(400)) > 100, "too few of the damaged documents are plans still"


@pytest.mark.long
def test_many_damaged_plans_are_read_or_refused() -> None:
    assert _survives(range(1_000, 21_000)) > 5_000
