"""The rule for plain lines reads what markdown-it reads without it, and saves the work."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from paceline.plans.plain_lines import plain_line

_STARTS = st.sampled_from(
    [
        "",
        " ",
        "  ",
        "   ",
        "    ",
        "      ",
        "\t",
        "> ",
        ">",
        "- ",
        "  - ",
        "    - ",
        "* ",
        "+ ",
        "1. ",
        "2) ",
    ]
)
_RESTS = st.sampled_from(
    [
        *(
            "words",
            "**Label**: words",
            "**",
            "**a",
            "*",
            "- ",
            "-",
            "---",
            "===",
            "- - -",
            "`code`",
            "```",
            "~~~",
        ),
        *(
            "# Heading",
            "#",
            "| a | b |",
            "|---|---|",
            "a | b",
            "--|--",
            ":-:",
            "<div>",
            "<!-- x",
            "[a]: /b",
            "",
            " ",
        ),
        *("[ ] box", "\u00e9t\u00e9", "words \u2003", "9. nine", "a\\", "a\t"),
    ]
)
_LINES = st.tuples(st.lists(_STARTS, max_size=3).map("".join), _RESTS).map("".join)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table").disable("reference")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


_WITHOUT, _WITH = _parser(), _parser()
_WITH.block.ruler.before("table", "plain_line", plain_line)


def _tokens(parser: MarkdownIt, text: str) -> list[Any]:
    return [
        (token.type, token.tag, token.map, token.content.strip(), token.info, token.markup)
        for token in parser.parse(text)
        if token.type not in {"paragraph_open", "paragraph_close"}
    ]


@settings(max_examples=1500, deadline=None)
@given(st.lists(_LINES, max_size=9).map("\n".join))
@example("- a\n - b\n  - c\n   - d\n    - e")
@example("> a\nb\n- c")
@example("- a\n\n      - b\n\n- c\n-\n  - d")
def test_the_rule_changes_nothing(text: str) -> None:
    assert _tokens(_WITH, text) == _tokens(_WITHOUT, text)


@pytest.mark.parametrize("line", ["- words of a bullet", "- **Label**: words", "A sentence.\n"])
def test_other_rules_are_not_asked_about_plain_lines(line: str) -> None:
    asked = 0

    def paragraph(*_: Any) -> bool:
        nonlocal asked
        asked += 1
        return False

    parser = _parser()
    parser.block.ruler.before("table", "plain_line", plain_line)
    parser.block.ruler.before("paragraph", "witness", paragraph)
    parser.parse("\n".join([line] * 50))
    assert asked == 0
