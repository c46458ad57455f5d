"""YAML of people, read safely: plain data as YAML 1.2 means it, bounded in size, depth and aliases."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from paceline.errors import PlanUnreadable

SIZE_LIMIT = 32 * 1024 * 1024
"""Characters, with what aliases stand for; 10,000 stories are a third of it."""
ALIAS_LIMIT = 32
"""Uses of anchors."""
DEPTH_LIMIT = 60

_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BASE: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_TAG = "tag:yaml.org,2002:"
_CORE = (
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), [*"~nN", ""]),
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), [*"tTfF"]),
    ("int", re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), [*"-+0123456789"]),
    (
        "float",
        re.compile(
            r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        [*"-+.0123456789"],
    ),
)
"""The core schema of YAML 1.2, where `yes`, `1:30` and `2024-01-01` are texts."""


def load_yaml(text: str, file: str | None = None, *, strings: bool = False, first_line: int = 1) -> Any:
    """Read one YAML document.

    Args:
        text: all of it.
        file: its name, for messages only.
        strings: whether every scalar stays the text that is written, so that `1.10` is no number.
        first_line: the 1-based line of the source that the text starts at.

    Raises:
        PlanUnreadable: it is no YAML, holds more than data, or is beyond a limit.
    """
    if len(text) > SIZE_LIMIT:
        raise _unreadable(file, first_line, f"the YAML has more than {SIZE_LIMIT:,} characters")
    try:
        _check_events(yaml.parse(text, Loader=_SAFE), file, first_line)
        # Both loaders make plain data only.
        return yaml.load(text, Loader=_Strings if strings else _Data)  # noqa: S506 - see above
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        line = first_line + (mark.line if mark else 0)
        raise _unreadable(file, line, f"it is no YAML ({problem})") from None
    except (RecursionError, ValueError, TypeError, OverflowError) as error:
        raise _unreadable(file, first_line, f"it is no YAML ({type(error).__name__})") from None


def dump_yaml(value: Any) -> str:
    """Write plain data as YAML: keys in their order, any script as it is."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


# Loading and dumping ---


class _Keys:
    """Keys are texts, each written once; another program would take the last of two."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
        """Make a mapping of a node."""
        made: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _problem("a key is no text", key)
            if key.value in made:
                raise _problem(f"the key `{key.value}` is written twice", key)
            made[key.value] = self.construct_object(value, deep=deep)  # type: ignore[attr-defined] - of the loader
        return made


class _Data(_Keys, _SAFE):
    """Texts, numbers, truth values, nothing, lists and mappings; no dates, sets or bytes."""

    yaml_constructors: dict[str | None, Any] = {}  # noqa: RUF012 - the library copies it for each class
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the same


class _Strings(_Keys, _BASE):
    """Texts, lists and mappings."""


class _Dumper(_DUMPER):
    """Puts into quotes what any version of YAML would take for something else than a text."""


def _integer(_loader: Any, node: Any) -> int:
    text = node.value
    try:
        return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
    except ValueError:
        raise _problem("a number has too many digits", node) from None


def _number(_loader: Any, node: Any) -> float:
    # `.inf` and `.nan` without the dot are what Python reads.
    text = node.value.lower()
    value = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(value):
        raise _problem(f"`{node.value}` is no finite number", node)
    return value


def _truth(_loader: Any, node: Any) -> bool:
    return node.value.lower() == "true"


def _set_up() -> None:
    for name, pattern, starts in _CORE:
        _Data.add_implicit_resolver(f"{_TAG}{name}", pattern, starts)
    for name in ("int", "float"):
        pattern, starts = next((each[1], each[2]) for each in _CORE if each[0] == name)
        _Dumper.add_implicit_resolver(f"{_TAG}{name}", pattern, starts)
    for name, construct in (("int", _integer), ("float", _number), ("bool", _truth)):
        _Data.add_constructor(f"{_TAG}{name}", construct)
    for name in ("null", "str", "seq", "map"):
        _Data.add_constructor(f"{_TAG}{name}", getattr(_SAFE, f"construct_yaml_{name}"))
    _Data.add_constructor(None, _SAFE.construct_undefined)


_set_up()


def _problem(problem: str, node: Any) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


# Limits ---


@dataclass
class _Sizes:
    """How much the document is when every alias is written out."""

    anchors: dict[str, int] = field(default_factory=dict[str, int])
    open: list[tuple[str | None, int]] = field(default_factory=list[tuple[str | None, int]])
    """Each collection that has not ended: its anchor, and its size so far."""
    total: int = 0

    def add(self, anchor: str | None, size: int) -> None:
        """Count a scalar, an alias or a collection that has ended."""
        if anchor:
            self.anchors[anchor] = size
        if self.open:
            name, before = self.open[-1]
            self.open[-1] = (name, before + size)
            self.total = max(self.total, before + size)


def _check_events(events: Any, file: str | None, first_line: int) -> None:
    aliases = 0
    sizes = _Sizes()
    for event in events:
        line = first_line + event.start_mark.line
        if isinstance(event, yaml.AliasEvent):
            aliases += 1
            if aliases > ALIAS_LIMIT:
                raise _unreadable(file, line, f"the YAML uses more than {ALIAS_LIMIT} aliases")
            sizes.add(None, sizes.anchors.get(event.anchor or "", 0))
        elif isinstance(event, yaml.ScalarEvent):
            sizes.add(event.anchor, len(event.value) + 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            sizes.open.append((event.anchor, 1))
            if len(sizes.open) > DEPTH_LIMIT:
                raise _unreadable(file, line, f"the YAML nests deeper than {DEPTH_LIMIT} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            sizes.add(*sizes.open.pop())
        if sizes.total > SIZE_LIMIT:
            raise _unreadable(file, line, f"the YAML's aliases stand for more than {SIZE_LIMIT:,} characters")


def _unreadable(file: str | None, line: int, what: str) -> PlanUnreadable:
    message = f"{file or 'The YAML'}: line {line}: {what}; correct it and read it again."
    return PlanUnreadable(message, file=file, line=line)
