"""The Mermaid graph: what it shows, that it fits, and that no text of a plan becomes syntax."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.plan import Dependency, Epic, Plan, Source, Sprint, Story
from paceline.errors import PlanError
from paceline.plans.mermaid import MOST_EDGES, MOST_TEXT, to_mermaid
from paceline.plans.reader import read_plan
from tests.shared_plans import plan_text

_LABEL = r'"(?:[\w .,\-_/()+]|#\d+;|<br/>)*"'
_LINE = re.compile(
    rf"flowchart LR|  %% [\w ,.:]+|  subgraph g\d+\[{_LABEL}\]|  end|(?:  ){{1,2}}n\d+\[{_LABEL}\]|"
    r"  n\d+ (?:-->|-\.->) n\d+|  classDef (?:critical|done) [\w:#,-]+|"
    r"  class n\d+(?:,n\d+)* (?:critical|done)|  linkStyle \d+(?:,\d+)* [\w:#,-]+"
)
HOSTILE = (
    '"]; click n0 href "javascript:alert(1)"',
    "%%{init: {'securityLevel': 'loose'}}%%",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "`**bold**`",
    "end",
    "a\nend\nsubgraph x",
    "--> n1; style n0 fill:#f00;",
    "#35; &quot; #quot;",
    "fa:fa-car $$x^2$$",
    "graph TD\u2028 @{ shape: circle }",
    "日本語 é \U0001f600",
    "\u202e\x1b[31m\x00",
)


def a_plan(*stories: Story, epics: list[Epic] | None = None, sprints: list[Sprint] | None = None) -> Plan:
    source = Source(kind="test", lines=1, digest="")
    return Plan(title="T", source=source, stories=list(stories), epics=epics or [], sprints=sprints or [])


def a_story(identity: str, *waits: str, **more: object) -> Story:
    needed = [Dependency(as_written=before, resolved=[before]) for before in waits]
    return Story.model_validate({"id": identity, "title": f"T {identity}", "dependencies": needed, **more})


def checked(plan: Plan) -> list[str]:
    """The lines of a plan's graph, which all have a known form and refer to nodes that are there."""
    text = to_mermaid(plan)
    assert len(text) <= MOST_TEXT
    lines = text.splitlines()
    assert text == "\n".join(lines) + "\n"
    for line in lines:
        assert _LINE.fullmatch(line), line
    nodes = [match[1] for line in lines if (match := re.match(r"\s+(n\d+)\[", line))]
    assert len(set(nodes)) == len(nodes)
    links = [line for line in lines if "->" in line]
    assert len(links) <= MOST_EDGES
    for line in [*links, *(line for line in lines if line.startswith("  class "))]:
        assert set(re.findall(r"\bn\d+", line)) <= set(nodes)
    assert sum(line.startswith("  subgraph ") for line in lines) == lines.count("  end")
    return lines


def labels(lines: list[str]) -> list[str]:
    """What a person reads in the nodes."""
    found = [line.split('"')[1] for line in lines if re.match(r"\s+n\d+\[", line)]
    return [unescape(re.sub(r"#(\d+);", r"&#\1;", label)) for label in found]


def test_epics_are_subgraphs_and_the_critical_path_stands_out() -> None:
    epics = [Epic(id="E1", title="Oven"), Epic(id="E2", title="Cake")]
    lines = checked(
        a_plan(
            a_story("a", epic="E1", points=3),
            a_story("b", epic="E1", done=True),
            a_story("c", "a", "b", epic="E2", points=1.5),
            epics=epics,
        )
    )
    assert lines[1:9] == [
        '  subgraph g0["E1#58; Oven"]',
        '    n0["a (3)<br/>T a"]',
        '    n1["b<br/>T b"]',
        "  end",
        '  subgraph g1["E2#58; Cake"]',
        '    n2["c (1.5)<br/>T c"]',
        "  end",
        "  n0 --> n2",
    ]
    assert "  class n1 done" in lines
    assert "  class n0,n2 critical" in lines
    assert any(line.startswith("  linkStyle 0 ") for line in lines)


def test_several_sprints_are_the_subgraphs() -> None:
    sprints = [Sprint(id="S1", name="First"), Sprint(id="S2")]
    stories = [a_story("a"), a_story("b", sprints=["S2"])]
    lines = checked(a_plan(*stories, sprints=sprints))
    assert [line for line in lines if "subgraph" in line] == [
        '  subgraph g0["S1#58; First"]',
        '  subgraph g1["S2"]',
    ]


def test_a_dependency_on_a_part_is_dashed_and_what_follows_from_others_is_left_out() -> None:
    part = Dependency(as_written="E1 (partial)", resolved=["E1"], qualifier="partial", gate=["a"])
    stories = [a_story("a", epic="E1"), a_story("b", "a"), a_story("c", "a", "b"), a_story("d")]
    stories[3].dependencies = [part]
    lines = checked(a_plan(*stories, epics=[Epic(id="E1", title="One")]))
    assert [line.strip() for line in lines if "->" in line] == ["n0 --> n1", "n1 --> n2", "n0 -.-> n3"]
    assert lines[1] == "  %% Arrows that follow from others are left out."


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts(text: str) -> None:
    plan = a_plan(
        Story(id=text, title=text, epic=text),
        Story(id="b", title=text, epic="E"),
        epics=[Epic(id=text, title=text), Epic(id="E", title=text)],
    )
    found = labels(checked(plan))[0].split("<br/>")[0].replace("\u200b", "")
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    assert found == (shown if len(shown) <= 40 else shown[:39] + "…")


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=6))
def test_any_text_keeps_the_form(texts: list[tuple[str, str, str]]) -> None:
    checked(
        a_plan(*(Story(id=f"{n}{one}", title=two, epic=three) for n, (one, two, three) in enumerate(texts)))
    )


@pytest.mark.parametrize(
    "name", ["webrtc-sprint", "epic-001-assignment", "autolynx-sprints", "nova-torch-sprint"]
)
def test_the_shared_documents_are_drawn_story_by_story(name: str) -> None:
    plan = read_plan(plan_text(name))
    assert len(labels(checked(plan))) == len(plan.stories)


def test_too_many_stories_or_arrows_are_drawn_by_group() -> None:
    stories = [a_story(f"s{n}", *([f"s{n - 1}"] if n else []), epic=f"E{n // 100}") for n in range(1000)]
    lines = checked(a_plan(*stories))
    assert (
        lines[1] == "  %% 1000 stories are more than Mermaid draws at once: each box stands for many of them."
    )
    assert labels(lines)[9] == "E9<br/>100 stories"
    assert [line for line in lines if "->" in line][8] == "  n8 --> n9"
    left = [a_story(f"l{n}", epic="L") for n in range(30)]
    right = [a_story(f"r{n}", *(each.id for each in left), epic="R") for n in range(30)]
    assert labels(checked(a_plan(*left, *right))) == ["L<br/>30 stories", "R<br/>30 stories"]


def test_many_groups_and_long_hostile_titles_still_fit() -> None:
    epics = [Epic(id=f"E{n}", title='"' * 90) for n in range(3000)]
    lines = checked(a_plan(*(a_story(f"s{n}", epic=f"E{n}") for n in range(3000)), epics=epics))
    assert any("of 3000 groups are shown" in line for line in lines)
    middling = [Story(id=f"{n}{'#' * 20}", title='"' * 90, epic="E") for n in range(300)]
    assert len(labels(checked(a_plan(*middling)))) == 300


def test_a_cycle_is_refused() -> None:
    with pytest.raises(PlanError, match="circular"):
        to_mermaid(a_plan(a_story("a", "b"), a_story("b", "a")))


def test_an_empty_plan_is_an_empty_graph() -> None:
    assert len(checked(a_plan())) == 3
