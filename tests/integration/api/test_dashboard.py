"""Dashboard, alert rules and document tell of metrics that a real system has, and of all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from paceline.settings import Settings
from tests.documents import ROOT, anchors
from tests.integration.api.allotment import PLAN, SIMULATED
from workers.all_in_one import all_in_one
from workers.temporal_binary import Binary

FOLDER = ROOT / "deploy" / "observability"
DOCUMENT = ROOT / "docs" / "how-to" / "observe.md"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
TARGETS: list[dict[str, Any]] = [
    target for panel in DASHBOARD["panels"] for target in panel.get("targets", [])
]
FUNCTIONS = {
    *("sum", "max", "by", "rate", "increase", "delta", "time", "histogram_quantile", "or"),
}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SUFFIX = re.compile(r"_(bucket|count|sum|total)$")
NEEDS_WORK = {
    "paceline_story_oldest_seconds",
    "paceline_agent_heartbeat_age_seconds",
    "paceline_activity_failures_total",
}
"""Have samples only while something goes on, or after something failed."""


def names_in(expression: str) -> set[str]:
    """Metrics that an expression of PromQL asks for; fails for what is no expression of the kinds we use."""
    assert expression.count("(") == expression.count(")")
    assert expression.count("{") == expression.count("}")
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    bare = re.sub(r"\{[^{}]*\}|\[\d+[smhd]\]|\bby \([^()]*\)", " ", bare)
    words = set(_NAME.findall(bare))
    assert words <= FUNCTIONS | {word for word in words if word.startswith("paceline_") or word == "up"}
    assert not re.search(r"[^\w\s(),.<>=*/+:-]", bare), bare
    return words - FUNCTIONS - {"up"}


def labels_in(expression: str) -> dict[str, set[str]]:
    """Labels that are asked for, by metric; those of `by` belong to every metric inside."""
    return {
        name: set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
        for name, selector in re.findall(r"(paceline_\w+)\{([^{}]*)\}", expression)
    }


def told_in_the_document() -> dict[str, set[str]]:
    """Labels by metric, from the table."""
    return {
        name: set(re.findall(r"`(\w+)`", labels))
        for name, labels in re.findall(
            r"^\| `(paceline_\w+)` \| ([^|]*)\|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
        )
    }


@pytest.mark.temporal
async def test_every_name_is_one_of_a_real_scrape(settings: Settings, temporal_binary: Binary) -> None:
    own = settings.model_copy(
        update={"temporal_binary": temporal_binary.path, "temporal_port": 0, "temporal_ui_port": 0}
    )
    async with (
        all_in_one(own, lambda sentence: None) as running,
        httpx2.AsyncClient(base_url=running.api_url or "", timeout=60) as calls,
    ):
        body = {"plan": PLAN, "options": {"agents": {"*": {"kind": "human"}}}}
        assert (await calls.post("/api/v1/sprints", json=body)).status_code == 201
        body = {"plan": PLAN.replace("Allotment", "Orchard"), "options": SIMULATED}
        started = (await calls.post("/api/v1/sprints", json=body)).json()["run"]["id"]
        while (await calls.get(f"/api/v1/projects/{started}")).json()["run"]["state"] == "running":
            pass
        text = (await calls.get("/metrics")).text
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.setdefault(name, set()).update(
            label for sample in family.samples for label in sample.labels if label != "le"
        )
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(set(sample.labels) - {"le"})
    told = told_in_the_document()
    ours = {name for name in found if name.startswith("paceline_")}
    assert told.keys() - NEEDS_WORK <= ours
    assert {_SUFFIX.sub("", name) for name in ours} <= {_SUFFIX.sub("", name) for name in told}
    for name in told.keys() & ours:
        # Some have no sample in this run.
        assert found[name] in (told[name], set()), name
    assert "paceline_workers_polling 1.0" in text.splitlines()
    for expression in [*(rule["expr"] for rule in RULES), *(each["expr"] for each in TARGETS)]:
        for name in names_in(expression):
            assert re.sub(r"_(bucket|count|sum)$", "", name) in told, expression
        for name, labels in labels_in(expression).items():
            assert labels <= told[re.sub(r"_(bucket|count|sum)$", "", name)], expression


def test_each_alert_leads_to_what_to_do() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names) >= 7
    sections = anchors(DOCUMENT)
    for rule in RULES:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[smh]", rule["for"])
        assert rule["labels"]["severity"] in ("warning", "critical")
        sentence, path = rule["annotations"]["runbook"].split(": ")
        assert sentence[0].isupper()
        file, anchor = path.split("#")
        assert ROOT / file == DOCUMENT
        assert anchor in sections, anchor
        assert names_in(rule["expr"])


def test_the_asked_for_alerts_are_there() -> None:
    assert {rule["alert"].removeprefix("Paceline") for rule in RULES} >= {
        "StoryStalled",
        "AgentDead",
        "QuestionUnanswered",
        "DiskNearlyFull",
        "EventsLag",
        "NoWorker",
        "MessagesFail",
    }


def test_the_dashboard_is_whole() -> None:
    panels = cast(list[dict[str, Any]], DASHBOARD["panels"])
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["type"] == "row" or panel["targets"] for panel in panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert {each["name"] for each in DASHBOARD["templating"]["list"]} == {"datasource", "project"}


def test_a_wrong_name_would_be_noticed() -> None:
    assert names_in('sum by (x) (rate(paceline_nothing_total{a="b"}[5m]))') == {"paceline_nothing_total"}
    with pytest.raises(AssertionError):
        names_in("summ(paceline_runs)")
    assert Path(FOLDER / "alerts.yml").exists()
