"""Writes the methods of the Python client from the API's description, one module a tag.

`python scripts/write_client.py` after an operation was added or changed; a test holds the modules to it.
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from fastapi import FastAPI

import paceline.domain
from api.contract import install, operations
from api.main import include_routes

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "paceline" / "client" / "operations"
WITHOUT: Mapping[str, str] = {
    "stream_events": "`ApiClient.follow` reads the stream, and goes on by itself",
    "sign_in": "sessions are for browsers; a program has a token",
    "sign_out": "sessions are for browsers",
    "start_oidc": "a browser is sent there",
    "end_oidc": "a browser is sent there",
}
"""Operations without a method, and why."""
LONGEST_LINE = 95
_SIMPLE = {"integer": "int", "number": "float", "boolean": "bool"}
_HEADERS = {"if-match": "if_match"}


def described() -> Json:
    """What the API says of itself."""
    app = FastAPI(title="Paceline", version="0")
    include_routes(app)
    install(app)
    return app.openapi()


def domain_names() -> dict[str, str]:
    """Module of every class of the domain, by name."""
    found: dict[str, str] = {}
    for info in pkgutil.walk_packages(paceline.domain.__path__, "paceline.domain."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == info.name:
                found[name] = info.name
    return found


class Writer:
    """Source of one module.

    Args:
        document: the description.
        known: module of every class of the domain.
    """

    def __init__(self, document: Json, known: Mapping[str, str]) -> None:
        self._schemas: Json = document["components"]["schemas"]
        self._known = known
        self.imports: set[tuple[str, str]] = set()

    def type_of(self, schema: Json) -> str:
        """A schema as a Python type."""
        if "$ref" in schema:
            return self._named(schema["$ref"].rsplit("/", 1)[1])
        for several in ("anyOf", "oneOf"):
            if several in schema:
                parts = dict.fromkeys(self.type_of(each) for each in schema[several])
                return " | ".join(
                    [*(part for part in parts if part != "None"), *(["None"] * ("None" in parts))]
                )
        kind = schema.get("type")
        if "enum" in schema or "const" in schema:
            self.imports.add(("typing", "Literal"))
            return f"Literal[{', '.join(repr(each) for each in schema.get('enum', [schema.get('const')]))}]"
        if kind == "array":
            self.imports.add(("collections.abc", "Sequence"))
            return f"Sequence[{self.type_of(schema.get('items', {}))}]"
        if kind == "null":
            return "None"
        if kind == "string":
            if schema.get("format") == "date-time":
                self.imports.add(("datetime", "datetime"))
                return "datetime"
            return "str"
        if kind in _SIMPLE:
            return _SIMPLE[kind]
        self.imports |= {("collections.abc", "Mapping"), ("typing", "Any")}
        return "Mapping[str, Any]"

    def _named(self, name: str) -> str:
        plain = name.removesuffix("-Input").removesuffix("-Output")
        if plain in self._known:
            self.imports.add((self._known[plain], plain))
            return plain
        schema = self._schemas[name]
        if "enum" in schema:
            return self.type_of(schema)
        self.imports |= {("collections.abc", "Mapping"), ("typing", "Any")}
        return "Mapping[str, Any]"

    def reply_of(self, operation: Json) -> tuple[str, str]:
        """How a reply is read (`json`, `text`, `bytes`), and as what."""
        answers: Json = operation["responses"]
        content: Json = next(
            (answers[status].get("content", {}) for status in answers if status < "300"), dict[str, Any]()
        )
        if "application/json" not in content:
            texts = {"text/plain", "text/markdown"}
            return ("text", "str") if content and set(content) <= texts else ("bytes", "bytes")
        schema = content["application/json"]["schema"]
        if schema.get("type") == "array":
            return "json", f"Page[{self._reply_type(schema['items'])}]"
        return "json", self._reply_type(schema)

    def _reply_type(self, schema: Json) -> str:
        found = self.type_of(schema)
        return "Json" if found.startswith("Mapping") else found

    def method(self, verb: str, template: str, operation: Json) -> str:
        """One method."""
        how, reply = self.reply_of(operation)
        paths, given = self._parameters(operation)
        body = self._body(operation)
        optional = sorted([*given, *body], key=lambda each: "=" in each[1])
        signature = ["self", *(f"{name}: str" if kind != "int" else f"{name}: int" for name, kind in paths)]
        signature += ["*"] * bool(optional) + [text for _, text in optional]
        said = operation["description"].partition("\n\n")[0].replace("\\", "")
        if len(said) > LONGEST_LINE:
            said = said.rpartition(";")[0] + "."
        address = template
        for name, _ in paths:
            address = address.replace(f"{{{name}}}", f"{{_quoted({name})}}")
        keywords = self._keywords(operation, body)
        place = f'f"{address}"' if paths else f'"{address}"'
        name = operation["operationId"]
        if how == "bytes":
            self.imports.add(("collections.abc", "AsyncGenerator"))
            keywords = [each for each in keywords if each.startswith("headers")]
            return dedent(f'''\
                def {name}({", ".join(signature)}) -> AsyncGenerator[bytes]:
                    """{said}"""
                    return self._bytes({", ".join([place, *keywords])})
            ''')
        kind = "str" if how == "text" else reply.replace("Page[", "list[")
        asked = ", ".join([repr(verb), place, kind, *keywords])
        return dedent(f'''\
            async def {name}({", ".join(signature)}) -> {reply}:
                """{said}"""
                return await self._ask({asked})
        ''')

    def _parameters(self, operation: Json) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        paths: list[tuple[str, str]] = []
        given: list[tuple[str, str]] = []
        for each in operation.get("parameters", ()):
            if each["in"] == "path":
                paths.append((each["name"], self.type_of(each["schema"])))
            elif each["in"] == "query" or each["name"].lower() in _HEADERS:
                said = str(each["name"])
                name = _HEADERS.get(said.lower(), said)
                given.append((name, self._argument(name, each["schema"], each.get("required", False))))
        return paths, given

    def _body(self, operation: Json) -> list[tuple[str, str]]:
        content = operation.get("requestBody", {}).get("content", {})
        schema: Json = content.get("application/json", {}).get("schema", {})
        for each in schema.get("anyOf", ()):
            schema = each if "$ref" in each else schema
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"].rsplit("/", 1)[1]]
        needed = schema.get("required", ())
        return [
            (name, self._argument(name, found, name in needed))
            for name, found in schema.get("properties", {}).items()
        ]

    def _argument(self, name: str, schema: Json, needed: bool) -> str:
        found = self.type_of(schema)
        if needed:
            return f"{name}: {found}"
        return f"{name}: {found} = None" if found.endswith("None") else f"{name}: {found} | None = None"

    def _keywords(self, operation: Json, body: list[tuple[str, str]]) -> list[str]:
        queries = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
        said = [str(each["name"]) for each in operation.get("parameters", ())]
        headers = [name for name in said if name.lower() in _HEADERS]
        found: list[str] = []
        if queries:
            found.append(f"query={{{', '.join(f'{name!r}: {name}' for name in queries)}}}")
        if body:
            found.append(f"body={{{', '.join(f'{name!r}: {name}' for name, _ in body)}}}")
        if headers:
            found.append(
                f"headers={{{', '.join(f'{name!r}: {_HEADERS[name.lower()]}' for name in headers)}}}"
            )
        return found


def modules() -> Iterator[tuple[str, str]]:
    """Name and source of every module, formatted."""
    document, known = described(), domain_names()
    by_tag: dict[str, list[tuple[str, str, Json]]] = {}
    for verb, template, operation in operations(document):
        if operation["operationId"] not in WITHOUT:
            by_tag.setdefault(operation["tags"][0], []).append((verb, template, operation))
    for tag, found in sorted(by_tag.items()):
        writer = Writer(document, known)
        methods = [writer.method(*each) for each in found]
        yield tag, _formatted(_source(tag, writer.imports, methods))


def _source(tag: str, imports: set[tuple[str, str]], methods: list[str]) -> str:
    text = "\n".join(methods)
    used = [name for name in ("Connection", "Json", "Page") if name == "Connection" or f"{name}" in text]
    lines = [
        f'"""The operations of the tag `{tag}`; written by `scripts/write_client.py`."""',
        "from __future__ import annotations",
        *(f"from {module} import {name}" for module, name in sorted(imports) if _uses(text, name)),
        *(["from urllib.parse import quote"] if "_quoted(" in text else []),
        f"from paceline.client.connection import {', '.join(used)}",
        f"class {tag.capitalize()}Operations(Connection):",
        f'    """Calls about {tag}."""',
        *("    " + line if line else "" for line in text.splitlines()),
    ]
    if "_quoted(" in text:
        lines += ["def _quoted(value: str | int) -> str:", '    return quote(str(value), safe="")']
    return "\n".join(lines) + "\n"


def _uses(text: str, name: str) -> bool:
    return name in text


def _formatted(source: str) -> str:
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--select", "I,F401", "--fix", "--quiet", "-"], ["format", "--quiet", "-"]):
        name = ["--stdin-filename", str(FOLDER / "written.py")]
        done = subprocess.run(
            [*ruff, *command[:-1], *name, "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        source = done.stdout
    return source


def main() -> None:
    """Write them."""
    for name, source in modules():
        (FOLDER / f"{name}.py").write_text(source)


if __name__ == "__main__":
    main()
