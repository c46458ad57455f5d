"""Targets are compared with numbers only where the plan says plainly what is to be compared."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.aims import (
    Aim,
    AimKind,
    Comparison,
    Verdict,
    aims_of,
    comparison_of,
    ended_aims,
    find_aim,
    judge,
)
from paceline.domain.plan import Item, Metric, Plan, Source, Sprint
from paceline.domain.quantities import Quantity, in_unit, last, leading
from paceline.plans.outcomes import read_metric


def aim(target: str, name: str = "Something") -> Aim:
    """A metric as the plan's reader understands it."""
    read = read_metric(name, target, None, 1)
    return Aim(name=name, kind=AimKind.METRIC, target=target, op=read.op, value=read.value, unit=read.unit)


@pytest.mark.parametrize(
    ("target", "name", "actual", "verdict"),
    [
        (">95%", "Coverage", "95%", "missed"),
        (">95%", "Coverage", "95.01%", "met"),
        (">= 90%", "Coverage", "90", "met"),
        ("<100 ms", "Latency", "100 ms", "missed"),
        ("<100 ms", "Latency", "99.9ms", "met"),
        ("<100 ms", "Latency", "0.0999 s", "met"),
        ("<100 ms", "Latency", "0.1 s", "missed"),
        ("<100 ms", "Latency", "5 MB", "unknown"),
        ("<5", "Bug count", "5", "missed"),
        ("<5", "Bug count", "4", "met"),
        ("100%", "Test pass rate", "99.9%", "missed"),
        ("100%", "Test pass rate", "100", "met"),
        ("0 critical bugs", "Quality", "0", "met"),
        ("0 critical bugs", "Quality", "1", "missed"),
        ("Support 100 connections", "Load", "100", "met"),
        ("Support 100 connections", "Load", "99", "missed"),
        ("no less than 90%", "Coverage", "89%", "missed"),
        ("no less than 90%", "Coverage", "90%", "met"),
        ("5 points or less", "Spread", "6", "missed"),
        ("5 max", "Open findings", "5", "met"),
        ("99%+", "Delivery", "99%", "met"),
        ("10k requests", "Throughput", "9,999", "missed"),
        ("10k requests", "Throughput", "10k", "met"),
        ("<2 seconds (P95) per 10000 records", "Import", "1.9 s", "met"),
    ],
)
def test_targets_are_compared_as_they_stand(target: str, name: str, actual: str, verdict: str) -> None:
    found = leading(actual)
    assert found is not None
    assert not found[1]
    said, sentence = judge(aim(target, name), found[0])
    assert said == verdict, sentence


@pytest.mark.parametrize(
    ("target", "name", "why"),
    [
        ("The customer is happy", "Feedback", "in words"),
        ("all tests", "Tests", "in words"),
        ("60-80%", "Load", "more than one number"),
        ("99.9% over 30 days", "Uptime", "more than one number"),
        ("200 ms", "Answer", "more or less"),
        ("5", "Bug count", "more or less"),
        ("3", "Response time", "more or less"),
    ],
)
def test_what_is_not_plain_is_left_to_people(target: str, name: str, why: str) -> None:
    found = comparison_of(aim(target, name))
    assert isinstance(found, str)
    assert why in found
    verdict, sentence = judge(aim(target, name), Quantity(Decimal(1)))
    assert verdict is Verdict.UNKNOWN
    assert why in sentence


@given(
    st.sampled_from(["<", "<=", "=", ">=", ">"]),
    st.decimals(0, 10**6, places=4),
    st.decimals(0, 10**6, places=4),
)
def test_a_comparison_is_exact(op: str, target: Decimal, actual: Decimal) -> None:
    holds = Comparison(op, target, None).holds(actual)
    expected = {"<": -1, "=": 0, ">": 1}
    sign = (actual > target) - (actual < target)
    assert holds == any(expected[each] == sign for each in op)


@given(st.integers(-(10**9), 10**9), st.sampled_from(["ms", "s", "min", "hours"]))
def test_units_of_time_are_brought_to_each_other_exactly(value: int, unit: str) -> None:
    found = in_unit(Quantity(Decimal(value), unit), "ms")
    assert found == Decimal(value) * {"ms": 1, "s": 1000, "min": 60_000, "hours": 3_600_000}[unit]
    assert in_unit(Quantity(Decimal(value), unit), "percent") is None


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("TOTAL 93%\n", "93 %"),
        ("1 failed\n99 passed in 0.52s\n", "0.52 s"),
        ("1,234 requests", "1234"),
        ("-3", "-3"),
        ("version 1.2.3", None),
        ("all good", None),
        ("p95: 80 ms", "80 ms"),
        ("3 of 4", "4"),
    ],
)
def test_the_last_number_of_an_output(output: str, found: str | None) -> None:
    number = last(output)
    assert (str(number) if number else None) == found


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading_of_numbers(text: str) -> None:
    for found in (last(text), (leading(text) or (None,))[0]):
        assert found is None or found.value.is_finite()


def test_every_aim_has_a_name_of_its_own() -> None:
    plan = Plan(
        title="Yard",
        source=Source(kind="test", lines=1, digest="0"),
        sprints=[
            Sprint(id="One", success_criteria=[Item(text="It floats", done=True), Item(text="Dry")]),
            Sprint(id="Two", success_criteria=[Item(text="it  floats"), Item(text="Strong")]),
        ],
        metrics=[
            Metric(name="Speed", target="5", category="sail"),
            Metric(name="Speed", target="7", category="oar"),
            Metric(name="Twin", target="1"),
            Metric(name="Twin", target="2"),
        ],
    )
    names = [each.name for each in aims_of(plan)]
    assert names == [
        "Speed (sail)", "Speed (oar)", "Twin (#1)", "Twin (#2)",
        "It floats (One)", "Dry", "it floats (Two)", "Strong",
    ]  # fmt: skip
    assert [each.checked for each in aims_of(plan)][4:] == [True, False, False, False]
    assert [each.name for each in ended_aims(plan, "One")][4:] == ["It floats (One)", "Dry"]
    aims = aims_of(plan)
    assert find_aim(aims, " dry ") is find_aim(aims, "6") is aims[5]
    assert find_aim(aims, "wet") is find_aim(aims, "0") is find_aim(aims, "9") is None
