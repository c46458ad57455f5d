"""What people and commands say of an aim, what follows from it, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.aims import Aim, AimKind, Verdict
from paceline.domain.counting import counted
from paceline.domain.measurements import (
    Measurement,
    Said,
    Source,
    aim_states,
    misfit_of,
    read_said,
    sprint_verdicts,
)
from paceline.domain.metric_answers import (
    CHARACTERS,
    SHOWN,
    listed,
    metric_options,
    metrics_question,
    read_answer,
)
from paceline.domain.questions import Answer, Decision
from paceline.domain.readings import said_by_command
from paceline.domain.states import StoryState
from paceline.domain.status import StoryStatus
from tests.unit.domain.test_aims import aim

COVERAGE = aim(">90%", "Coverage")
FEEDBACK = aim("The customer is happy", "Feedback: after a demo")
FLOATS = Aim(name="It floats", kind=AimKind.CRITERION, target="It floats", sprint="One")
DRY = Aim(name="It is dry", kind=AimKind.CRITERION, target="It is dry", sprint="One", checked=True)
AIMS = [COVERAGE, FEEDBACK, FLOATS]


def measured(number: int, of: Aim, **said: object) -> Measurement:
    """A measurement of an aim."""
    fields = {
        "id": f"m{number}",
        "aim": of.name,
        "target": of.target,
        "source": Source.PERSON,
        "actor": "ada",
    }
    at = datetime(2026, 3, 1, 0, number, tzinfo=UTC)
    return Measurement.model_validate({**fields, "project": "p", "number": number, "at": at, **said})


@pytest.mark.parametrize(
    ("text", "value", "unit", "verdict", "note"),
    [
        ("92.5 %", "92.5", "%", None, ""),
        ("92.5%, from the report", "92.5", "%", None, "from the report"),
        ("1,200", "1200", None, None, ""),
        ("3 bugs (all small)", "3", "bugs", None, "all small"),
        ("met: shown to the customer", None, None, Verdict.MET, "shown to the customer"),
        ("Yes", None, None, Verdict.MET, ""),
        ("missed", None, None, Verdict.MISSED, ""),
        ("not met - too slow", None, None, Verdict.MISSED, "too slow"),
        ("unknown", None, None, Verdict.UNKNOWN, ""),
    ],
)
def test_what_a_person_types(
    text: str, value: str | None, unit: str | None, verdict: Verdict | None, note: str
) -> None:
    assert read_said(text) == Said(value=value, unit=unit, verdict=verdict, note=note)


@pytest.mark.parametrize("text", ["", "good", "nothing", "metal", "5 of the 7", "about 5"])
def test_what_is_no_value(text: str) -> None:
    assert read_said(text) is None


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    said = read_said(text)
    if said is not None:
        assert (said.value is None) != (said.verdict is None)


def test_a_number_needs_a_target_with_one_of_its_kind() -> None:
    assert misfit_of(COVERAGE, Said(value="5", unit="%")) is None
    assert "another unit" in (misfit_of(COVERAGE, Said(value="5", unit="ms")) or "")
    assert "say met or missed" in (misfit_of(FEEDBACK, Said(value="5")) or "")
    assert misfit_of(FEEDBACK, Said(verdict=Verdict.MET)) is None


def test_the_newest_measurement_counts_and_a_new_target_undoes_a_word() -> None:
    history = [
        measured(1, COVERAGE, value="95"),
        measured(2, COVERAGE, value="80", note="after the merge"),
        measured(3, FEEDBACK, verdict="met"),
        measured(4, FLOATS, verdict="met", target="It swims"),
    ]
    coverage, feedback, floats = aim_states(AIMS, history)
    assert (coverage.verdict, coverage.actual) == (Verdict.MISSED, "80")
    assert coverage.reason == "80 percent is not > 90 percent: after the merge"
    assert (feedback.verdict, feedback.actor) == (Verdict.MET, "ada")
    assert (floats.verdict, floats.reason) == (Verdict.UNKNOWN, "it was judged by another target")


@pytest.mark.parametrize(
    ("said", "verdict"),
    [(None, Verdict.UNKNOWN), ("unknown", Verdict.UNKNOWN), ("met", Verdict.MET), ("missed", Verdict.MISSED)],
)
def test_a_sprint_is_a_success_when_every_criterion_is_met(said: str | None, verdict: Verdict) -> None:
    history = [measured(1, FLOATS, verdict=said)] if said else []
    states = aim_states([COVERAGE, FLOATS, DRY], history)
    assert states[2].source is Source.PLAN
    assert sprint_verdicts(states) == {"One": verdict}


@pytest.mark.parametrize(
    ("of", "code", "timed_out", "output", "said"),
    [
        (COVERAGE, 0, False, "all: 91.2%", Said(value="91.2", unit="%")),
        (COVERAGE, 1, False, "91.2%", "ended with status 1"),
        (COVERAGE, 0, False, "good", "printed no number"),
        (COVERAGE, 0, True, "91.2%", "time limit"),
        (COVERAGE, 127, False, "sh: 5: not found", "did not run"),
        (COVERAGE, None, False, "", "did not run"),
        (COVERAGE, -9, False, "99", "did not run"),
        (FLOATS, 0, False, "", Said(verdict=Verdict.MET, note="the command ended with status 0")),
        (FLOATS, 2, False, "5", Said(verdict=Verdict.MISSED, note="the command ended with status 2")),
        (FLOATS, 127, False, "", "did not run"),
    ],
)
def test_how_a_command_ended(
    of: Aim, code: int | None, timed_out: bool, output: str, said: Said | str
) -> None:
    found = said_by_command(of, code, timed_out, output)
    if isinstance(said, Said):
        assert found == said
    else:
        assert found.verdict is Verdict.UNKNOWN
        assert found.value is None
        assert said in found.note


# Answers ---


def answer(decision: Decision, text: str = "", chosen: tuple[str, ...] = ()) -> Answer:
    return Answer(question="q", decision=decision, text=text, actor="ada", chosen=list(chosen))


def test_a_question_lists_numbers_and_an_answer_names_them() -> None:
    text = metrics_question("One", AIMS)
    assert "\n1. Coverage: >90%\n2. Feedback: after a demo: The customer is happy\n3. It floats\n" in text
    assert [option.name for option in metric_options(AIMS)] == ["1", "2", "3"]
    given = answer(Decision.AMEND, "- 1: 91%; it floats = no, it sank; badly\nfeedback: after a demo: yes")
    read = read_answer(given, AIMS)
    assert not isinstance(read, str)
    assert [(each.name, said.value, said.verdict, said.note) for each, said in read] == [
        ("Coverage", "91", None, ""),
        ("It floats", None, Verdict.MISSED, "it sank; badly"),
        ("Feedback: after a demo", None, Verdict.MET, ""),
    ]


def test_a_semicolon_ends_an_entry_and_a_wrong_one_refuses_all() -> None:
    for text in ("1: 91%; Bug count: 1", "1: 91%; note; Bug count: 1", "Bug count: 1; 1: 91%"):
        refused = read_answer(answer(Decision.AMEND, text), AIMS)
        assert isinstance(refused, str)
        assert "names nothing that was asked" in refused


def test_a_question_lists_no_more_than_fits() -> None:
    many = [aim(">= 1", f"Number {number}") for number in range(SHOWN + 1)]
    assert listed(many) == many[:SHOWN]
    long = [aim("word " * (CHARACTERS // 8), name) for name in ("One", "Two", "Three")]
    assert listed(long) == long[:1]
    assert len(metrics_question("One", many)) < 20_000


def test_other_answers_say_that_aims_are_met_or_nothing() -> None:
    met = read_answer(answer(Decision.APPROVE, "seen"), AIMS)
    assert met == [(each, Said(verdict=Verdict.MET, note="seen")) for each in AIMS]
    chosen = read_answer(answer(Decision.CHOOSE, chosen=("2",)), AIMS)
    assert chosen == [(FEEDBACK, Said(verdict=Verdict.MET))]
    assert read_answer(answer(Decision.REJECT, "no idea"), AIMS) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Coverage 91%", "names nothing"),
        ("4: met", "names nothing"),
        ("Coverage: lots", "is no value for Coverage"),
        ("Coverage: 5 s", "another unit"),
        ("2: 7", "say met or missed"),
        ("1: 91\ncoverage: 92", "named twice"),
    ],
)
def test_one_wrong_line_refuses_all_of_it(text: str, sentence: str) -> None:
    read = read_answer(answer(Decision.AMEND, f"3: met\n{text}"), AIMS)
    assert isinstance(read, str)
    assert sentence in read


# What Paceline counts ---


def row(story: str, state: StoryState, points: float | None, sprint: str = "One") -> StoryStatus:
    return StoryStatus(id=story, title=story, sprint=sprint, state=state, points=points)


ROWS = [
    row("a", StoryState.MERGED, 3),
    row("b", StoryState.FAILED, 5),
    row("c", StoryState.MERGED, 2, "Two"),
]


@pytest.mark.parametrize(
    ("name", "target", "value"),
    [
        ("Stories completed", ">= 2", "2"),
        ("Stories completed", "100%", "66.666666"),
        ("Velocity", ">= 8 points", "3"),
        ("Story points completed", "10 points", "5"),
        ("Velocity", "stable", None),
        ("Velocity", ">= 8 features", None),
        ("Story quality", ">= 8", None),
    ],
)
def test_only_plain_words_are_counted(name: str, target: str, value: str | None) -> None:
    said = counted(aim(target, name), ROWS, "One")
    assert (said.value if said else None) == value


def test_points_are_not_counted_where_a_story_has_none() -> None:
    rows = [*ROWS, row("d", StoryState.MERGED, None)]
    assert counted(aim(">= 8 points", "Velocity"), rows, "One") is None
    assert counted(aim(">= 8 points", "Velocity"), ROWS, "One", spread=True) is None
    assert counted(aim(">= 2", "Stories completed"), rows, "One") == Said(value="3", note="3 of 4")
