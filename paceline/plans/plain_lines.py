"""A rule for markdown-it that takes a plain line for the paragraph it is, before other rules look at it.

Nearly every line of a plan is one: a bullet's words or a sentence. markdown-it would ask some twenty rules
about each of them, and most of the time of reading a large plan would go there.
"""

from __future__ import annotations

from markdown_it.rules_block import StateBlock

_OPENS_CODE_BLOCK = 4
"""Columns by which such a block is indented."""


def plain_line(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a line that no rule but `paragraph` could take, and after which the paragraph surely ends.

    Such a line starts with a letter, or with two asterisks and a letter; after it comes the end, a blank
    line, or a bullet that starts likewise. Where in doubt the rule leaves the line to the others.

    Args:
        state: markdown-it's.
        start: the line.
        end: the line after the last one of what is read.
        silent: whether another block asks if it ends here; a plain line ends none.
    """
    if silent or not _is_plain(state, start) or not _ends_before(state, start + 1, end):
        return False
    # As markdown-it leaves it after any paragraph.
    state.parentType = "paragraph"
    state.line = start + 1
    token = state.push("inline", "", 0)
    token.content = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]].strip()
    token.map = [start, start + 1]
    token.children = []
    return True


def _is_plain(state: StateBlock, line: int) -> bool:
    if state.sCount[line] - state.blkIndent >= _OPENS_CODE_BLOCK:
        return False
    return _opens_words(state.src, state.bMarks[line] + state.tShift[line])


def _opens_words(text: str, at: int) -> bool:
    return text[at : at + 1].isalpha() or (text.startswith("**", at) and text[at + 2 : at + 3].isalpha())


def _ends_before(state: StateBlock, line: int, end: int) -> bool:
    if line >= state.lineMax:
        return True
    # Inside a block that ends with it, what the next line means is for the other rules to say.
    if line >= end:
        return False
    at = state.bMarks[line] + state.tShift[line]
    if at >= state.eMarks[line]:
        return True
    indent = state.sCount[line]
    if indent < 0 or indent - state.blkIndent >= _OPENS_CODE_BLOCK:
        return False
    # A bullet far to the right of its list, and still left of this text, goes on with the text.
    if 0 <= state.listIndent <= indent - _OPENS_CODE_BLOCK and indent < state.blkIndent:
        return False
    return state.src.startswith(("- ", "* ", "+ "), at) and _opens_words(state.src, at + 2)
