"""Entries of task lists: their boxes, and what their text says of people, order and files."""

from __future__ import annotations

import re
from dataclasses import dataclass

from paceline.domain.plan import File
from paceline.plans.inline import Text, code_spans
from paceline.plans.left_out import LeftOut, left_out_in_text, without_strike

_ID = r"[#A-Za-z_-]{0,40}\d[\w#-]*(?:\.\w[\w#-]*)*"
_SEPARATOR = r"(?:\s*(?:,|;|and|&|\+|\u3001|\uff0c)\s*(?:and\s+)?(?:tasks?\s+)?)"
_WAITS = re.compile(
    r"[(\[]?\b(?P<word>depends? on|dependency|dependencies|depends|blocked by|waits? for|needs|requires|after"
    r"|h\u00e4ngt ab von|depende de|d\u00e9pend de|\u4f9d\u8d56)(?![\w-])(?P<colon>[:\uff1a]?)"
    rf"\s*(?:tasks?\s+)?(?P<names>{_ID}(?:{_SEPARATOR}{_ID}){{0,50}})(?P<end>\s*[)\]])?",
    re.IGNORECASE,
)
_PLAIN_WAITS = frozenset({"needs", "requires", "after", "depends"})
_TITLED_WAITS = re.compile(
    r"[(\[](?:depends on|blocked by|waits? for|needs|requires|after|h\u00e4ngt ab von|depende de"
    r"|d\u00e9pend de|\u4f9d\u8d56)(?![\w-])\s{0,3}[:\uff1a]?\s{0,3}(?P<names>[^()\[\]]{1,300})[)\]]",
    re.IGNORECASE,
)
_CALLED = re.compile(
    r"(?:\s{0,3}(?:[,;&+\u2013\u2014(\[-]|\band\b)?\s{0,3}(?<![\w@/.`])@[A-Za-z0-9][\w-]{0,60}[)\]]?){1,12}$"
)
_MENTION = re.compile(r"(?<![\w@/.`])@(?P<name>[A-Za-z0-9][\w-]{0,60})(?![\w/.])")
_POINTS = re.compile(
    r"[(\[](?P<number>\d{1,4}(?:\.\d+)?)\s*(?:story\s+)?(?:points?|pts?|sp)\s*[)\]]", re.IGNORECASE
)
_ENDINGS = (
    "py|pyi|ipynb|md|mdx|rst|toml|json|jsonc|jsonl|ya?ml|[cm]?tsx?|[cm]?jsx?|vue|svelte|astro|css|scss|less|html?"
    "|sql|prisma|graphql|sh|bash|ps1|bat|txt|csv|tsv|cfg|ini|conf|env|lock|rs|go|mod|sum|java|kts?|gradle|scala"
    "|rb|php|cs|csproj|sln|fsx?|fsproj|vb|swift|m|mm|hp?p?|cp?p?|cc|lua|dart|exs?|erl|hs|clj|r|jl|zig|tf|hcl"
    "|proto|svg|png|jpe?g|xml|xaml|plist|tmpl|j2|dockerfile|lua"
)
_PATH = re.compile(
    rf"(?<![\w/.@\[\]{{}}*~-])(?:(?:(?:[\w.\[\]{{}}*-]|\([\w-]+\))+/)+(?:[\w.\[\]{{}}*-]*\w)?"
    rf"|[A-Za-z_][\w-]*(?:\.[\w-]+)*\.(?:{_ENDINGS})\b)"
)
_DOT_FILE = re.compile(r"^\.(?:env|eslintrc|prettierrc|babelrc|npmrc|stylelintrc|golangci|goreleaser)\b")
_FILE_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,10}$")
_KNOWN_ENDING = re.compile(rf"\.(?:{_ENDINGS})$", re.IGNORECASE)
_NAMED_FILES = frozenset({"Dockerfile", "Makefile", "Gemfile", "Procfile", "Justfile", ".gitignore", ".env"})
# Libraries and products that are called like files.
_NO_FILES = re.compile(
    r"^(?:node|next|nuxt|vue|react|angular|ember|express|nest|three|chart|d3|socket|ethers|web3|discord|backbone"
    r"|alpine|solid|moment|day|p5|vis|video|handlebars|require|knockout|prism|highlight|electron|asp)"
    r"\.(?:js|ts|m)$",
    re.IGNORECASE,
)
_DOMAIN = re.compile(r"^[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|dev|app|ai|edu|gov)/", re.IGNORECASE)
_LINE_NUMBERS = re.compile(r":\d+(?:-\d+)?$")
_ROUTE = re.compile(r"^\[{1,2}(?:\.\.\.)?[A-Za-z]\w*\]{1,2}$")
_ROUTE_ENDING = re.compile(r"\.(?:[jt]sx?|vue|svelte|astro)$")
_PLACEHOLDER = frozenset("[]{}<>")
_BOX = re.compile(r"^\[(?P<mark>[^\w\s]|[ xX]{0,3})\](?P<star>\*)?\s+(?P<text>\S.*)$", re.DOTALL)
_DONE_SIGNS = frozenset("\u2705\u2611\u2714\u2713")
_BEGUN = frozenset("~/")


@dataclass(frozen=True, slots=True)
class Box:
    """What a checkbox says: `done`, or that the work is left out, or that it has begun."""

    text: str
    done: bool
    left_out: LeftOut | None = None
    begun: bool = False
    optional: bool = False


def box_of(line: Text, *, hyphen_begun: bool = False) -> Box | None:
    """Read the box at the start of an entry; None where there is none.

    Args:
        line: the entry.
        hyphen_begun: whether `[-]` means work that has begun, as Kiro writes it; elsewhere people mark so
            what they skip.
    """
    if line.done is not None:
        return _box(line.text, line.done, False)
    match = _BOX.match(line.text)
    if match is None:
        return None
    mark, text = match["mark"].strip(), match["text"]
    optional = match["star"] is not None
    if mark.lower() == "x" or mark in _DONE_SIGNS:
        return _box(text, True, optional)
    if mark in _BEGUN or (mark == "-" and hyphen_begun):
        state = left_out_in_text(text, marked=True)
        return Box(without_strike(text), False, state, state is None, optional)
    if mark in {"-", ">"}:
        state = left_out_in_text(text, marked=True) or ("cancelled" if mark == "-" else "deferred")
        return Box(without_strike(text), False, state, False, optional)
    return _box(text, False, optional)


def _box(text: str, done: bool, optional: bool) -> Box:
    state = None if done else left_out_in_text(text)
    return Box(without_strike(text), done, state, False, optional)


def take_waits(text: str) -> tuple[str, str | None]:
    """Split off what a task waits for, such as `(depends on T001, T002)`, as its names.

    What stands in the middle of a sentence is read and stays where it is.
    """
    for match in _WAITS.finditer(text):
        alone = match[0][:1] in "([" and match["end"] is not None
        # `requires 2 of them` is a sentence; only in parentheses is it a remark about order.
        if match["word"].lower() in _PLAIN_WAITS and not alone and not match["colon"]:
            continue
        tail = text[match.end() :]
        if not alone and tail.strip(" .)]"):
            return text, match["names"]
        kept = tail.lstrip(".") if alone else ""
        return f"{text[: match.start()].rstrip(' ,;')}{kept}".strip(), match["names"]
    return text, None


def take_points(text: str) -> tuple[str, float | None]:
    """Split off `(3 points)`."""
    match = _POINTS.search(text)
    if match is None:
        return text, None
    return f"{text[: match.start()].rstrip()}{text[match.end() :]}".strip(), float(match["number"])


def mentions(text: str) -> list[str]:
    """The people that `@name` calls, in order."""
    plain = re.sub(r"`[^`]*`", " ", text)
    return list(dict.fromkeys(match["name"] for match in _MENTION.finditer(plain)))


def take_mentions(text: str) -> str:
    """Take the people off the end of a title; a name in the middle of a sentence is a word of it."""
    return _CALLED.sub("", text).strip() or text


def take_titled_waits(text: str) -> tuple[str, str | None]:
    """Split off `(depends on Build header)`, which names its task by something else than an id."""
    match = _TITLED_WAITS.search(text)
    if match is None:
        return text, None
    return f"{text[: match.start()].rstrip()} {text[match.end() :].lstrip()}".strip(), match["names"].strip()


def paths_in(text: str) -> list[File]:
    """The paths that running text names: those in backticks, and bare ones with a slash or an ending.

    Nobody wrote them as a list of files, so what is absolute, leaves the repository or holds a placeholder is
    not taken.
    """
    plain = re.sub(r"`[^`]*`", " ", text)
    words = [*code_spans(text), *(match[0].rstrip(".,;:") for match in _PATH.finditer(plain))]
    found = [path for word in words if (path := _path(word))]
    return [File(path=f"{path}**" if path.endswith("/") else path) for path in dict.fromkeys(found)]


def _path(word: str) -> str | None:
    word = _LINE_NUMBERS.sub("", word.strip()).removeprefix("./")
    if not word or " " in word or "//" in word or word.startswith(("/", "-", "@", "~", "http", "$", "*.")):
        return None
    parts = word.split("/")
    if not {"..", ".git"}.isdisjoint(parts) or _DOMAIN.match(word) or _is_placeholder(parts):
        return None
    if len(parts) == 1:
        if word.startswith(".") and word not in _NAMED_FILES and not _DOT_FILE.match(word):
            return None
        named = word in _NAMED_FILES or (bool(_KNOWN_ENDING.search(word)) and not word[:1].isdigit())
        return word if named and not _NO_FILES.match(word) and "(" not in word else None
    if word.endswith("/") or parts[-1] in _NAMED_FILES or parts[-1] in {"*", "**"}:
        return word
    return word if _FILE_ENDING.search(parts[-1]) else None


def _is_placeholder(parts: list[str]) -> bool:
    """Whether a part stands for something else; `[id]` in the path of a web route is its real name."""
    routed = bool(_ROUTE_ENDING.search(parts[-1]))
    return any(
        not _PLACEHOLDER.isdisjoint(part) and not (routed and _ROUTE.match(_ROUTE_ENDING.sub("", part)))
        for part in parts
    )
