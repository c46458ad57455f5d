"""Running text of a plan: one line at a time, bold marks removed, backticks kept, labels split off.

A label is bold text at the start of a line that ends in a colon, inside the bold or right after it:
`**Label**: value` and `**Label:** value` are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

DONE_MARK = "\u2705"
_DONE_MARKS = (DONE_MARK, "\u2611", "\u2714", "\u2713")
_OPEN_MARKS = ("\u2610", "\u2b1c")
_COLONS = (":", "\uff1a")
_VARIATION = "\ufe0f"
_SPECIAL = frozenset("*_`\\&")
_CHECKBOXES: dict[str, bool] = {"[ ] ": False, "[x] ": True, "[X] ": True}

# Links, images and HTML are left out on purpose: a plan's text is kept as its author typed it.
_INLINE = MarkdownIt("commonmark").disable(["link", "image", "autolink", "html_inline"])


@dataclass(frozen=True, slots=True)
class Text:
    """One line of running text.

    `lead` is the bold text it starts with, `label` the same where a colon follows; `value` is what comes
    after the label, or all of the text. `done` is None where nothing says so.
    """

    text: str
    line: int
    value: str
    lead: str | None = None
    label: str | None = None
    done: bool | None = None


@dataclass(slots=True)
class _Piece:
    text: str
    bold: bool


def read_lines(content: str, first_line: int) -> list[Text]:
    """The lines of one block of running text.

    Args:
        content: the block's raw inline markdown, lines separated by newlines.
        first_line: 1-based source line of its first line.

    Returns:
        One entry for every line, hard breaks stripped.
    """
    pieces = _simple_pieces(content)
    if pieces is None:
        pieces = _pieces(_INLINE.parseInline(content)[0].children or [])
    return [_line(line, first_line + offset) for offset, line in enumerate(pieces)]


def read_line(content: str, line: int) -> Text:
    """Running text that is one line in the source, such as a heading or a table cell."""
    return joined(read_lines(content, line))


def joined(lines: Iterable[Text]) -> Text:
    """Wrapped lines as one: the first one's label, all of their text."""
    first, *rest = list(lines)
    if not rest:
        return first
    tail = " ".join(part.text for part in rest if part.text)
    return Text(
        text=f"{first.text} {tail}".strip(),
        line=first.line,
        value=f"{first.value} {tail}".strip(),
        lead=first.lead,
        label=first.label,
        done=first.done,
    )


def code_spans(text: str) -> list[str]:
    """What stands in backticks, in order; a span may be fenced by several backticks."""
    if "`" not in text:
        return []
    if "``" not in text and "\\" not in text:
        _, *parts = text.split("`")
        # A last backtick without another one is none of a span.
        spans = parts[: len(parts) // 2 * 2 : 2]
        if not any(span[:1].isspace() or "\n" in span for span in spans):
            return spans
    tokens = _INLINE.parseInline(text)[0].children or []
    return [token.content for token in tokens if token.type == "code_inline"]


def without_mark(text: str) -> tuple[str, bool | None]:
    """Split a done mark, or that of an open box, off the start or the end of a text."""
    if text.isascii():
        return text, None
    bare = text.removesuffix(_VARIATION)
    for marks, done in ((_DONE_MARKS, True), (_OPEN_MARKS, False)):
        if text.startswith(marks):
            return text[1:].removeprefix(_VARIATION).strip(), done
        if bare.endswith(marks):
            return bare[:-1].strip(), done
    return text, None


def _without_checkbox(text: str) -> tuple[str, bool | None]:
    for box, done in _CHECKBOXES.items():
        if text.startswith(box):
            return text.removeprefix(box).strip(), done
    return without_mark(text)


def _simple_pieces(content: str) -> list[list[_Piece]] | None:
    """The pieces of lines that need no parser: plain text with code spans, after a bold label or none.

    Nearly all lines of a plan are like this, and the parser takes ten times as long. None where in doubt.
    """
    lines: list[list[_Piece]] = []
    for raw in content.split("\n"):
        line = raw.strip()
        label, bold, rest = "", "", line
        if line.startswith("**"):
            label, bold, rest = line[2:].partition("**")
            if not bold or not label or not _SPECIAL.isdisjoint(label) or label != label.strip():
                return None
            # Whether a mark beside punctuation opens or closes depends on what follows it; after a colon
            # nothing else than a label can be meant.
            closes = label[-1].isalnum() or label[-1] in _COLONS or rest[:1] in ("", " ")
            if not closes or not label[0].isalnum():
                return None
        if not _is_simple(rest):
            return None
        pieces = [_Piece(label, True)] if label else []
        lines.append([*pieces, _Piece(rest, False)] if rest else pieces)
    return lines


def _is_simple(text: str) -> bool:
    """Whether nothing but whole code spans of one backtick has a meaning in a text."""
    if _SPECIAL.isdisjoint(text):
        return True
    if "``" in text:
        return False
    spans = text.split("`")
    plain, code = spans[::2], spans[1::2]
    if len(spans) % 2 == 0 or any(span[:1] == " " and span[-1:] == " " for span in code):
        return False
    return all(_SPECIAL.isdisjoint(part) for part in plain)


def _pieces(tokens: list[Token]) -> list[list[_Piece]]:
    lines: list[list[_Piece]] = [[]]
    literal: list[bool] = []
    depth = 0
    for token in tokens:
        if token.type in {"softbreak", "hardbreak"}:
            lines.append([])
        elif token.type == "strong_open":
            literal.append(token.markup != "**" or _ends_in_path(lines[-1]))
            depth += not literal[-1]
            if literal[-1]:
                _add(lines[-1], token.markup, depth > 0)
        elif token.type == "strong_close":
            verbatim = literal.pop()
            depth -= not verbatim
            if verbatim:
                _add(lines[-1], token.markup, depth > 0)
        else:
            _add(lines[-1], _verbatim(token), depth > 0)
    return lines


def _ends_in_path(pieces: list[_Piece]) -> bool:
    """Whether the text so far ends in a path, so that `**` is a glob and not bold."""
    return bool(pieces) and pieces[-1].text.endswith("/")


def _verbatim(token: Token) -> str:
    if token.type == "code_inline":
        return f"{token.markup}{token.content}{token.markup}"
    return token.content or token.markup


def _add(pieces: list[_Piece], text: str, bold: bool) -> None:
    if not text:
        return
    if pieces and pieces[-1].bold == bold:
        pieces[-1].text += text
    else:
        pieces.append(_Piece(text, bold))


def _line(pieces: list[_Piece], line: int) -> Text:
    done: bool | None = None
    if pieces and not pieces[0].bold:
        first, done = _without_checkbox(pieces[0].text.lstrip())
        pieces = [_Piece(f"{first} " if done is not None and first else first, False), *pieces[1:]]
        pieces = [piece for piece in pieces if piece.text.strip() or piece.bold]
    text = "".join(piece.text for piece in pieces).strip()
    if done is None:
        text, done = without_mark(text)
    if not pieces or not pieces[0].bold:
        return Text(text=text, line=line, value=text, done=done)
    lead = pieces[0].text.strip()
    rest, mark = without_mark("".join(piece.text for piece in pieces[1:]).strip())
    done = mark if done is None else done
    if lead.endswith(_COLONS):
        return Text(text, line, rest, lead[:-1].strip(), lead[:-1].strip(), done)
    if rest.startswith(_COLONS):
        return Text(text, line, rest[1:].strip(), lead, lead, done)
    return Text(text, line, text, lead, None, done)
