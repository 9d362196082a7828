"""An OpenAPI document (2.0 or 3.x) as a set of plain facts, so that two can be compared.

Only what the operations reach is told. One fact is one line of text:

    operation get /serviceOrder           status get /serviceOrder 200
    parameter get /serviceOrder query fields string
    body post /serviceOrder ServiceOrder_Create
    answer get /serviceOrder 200 [ServiceOrder]
    header get /serviceOrder 200 X-Total-Count integer
    attribute Note.date string date-time  mandatory Note.text
    fewest ServiceOrder_Create.serviceOrderItem 1
    longest ServiceOrder.externalId 120   word ServiceStateType active
"""

from collections.abc import Iterator
from typing import Any

_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_Json = dict[str, Any]


def facts(document: _Json, prefix: str = "", only: frozenset[str] | None = None) -> set[str]:
    """Every fact of a document. `prefix` is cut from its paths.

    With `only` ("get /serviceOrder"), an operation outside it is told by its first line alone, and
    nothing that only it reaches is told.
    """
    return set(_Document(document, prefix, only).facts())


def operations(document: _Json, prefix: str = "") -> frozenset[str]:
    """The operations of a document: "get /serviceOrder"."""
    return frozenset(
        f"{method} {path.removeprefix(prefix)}"
        for path, item in document["paths"].items()
        for method in item
        if method in _METHODS
    )


class _Document:
    def __init__(self, document: _Json, prefix: str, only: frozenset[str] | None) -> None:
        self._document = document
        self._prefix = prefix
        self._only = only
        self._schemas: _Json = document.get("definitions") or document["components"]["schemas"]
        self._told: set[str] = set()

    def facts(self) -> Iterator[str]:
        for path, item in self._document["paths"].items():
            for method, operation in item.items():
                if method not in _METHODS:
                    continue
                name = f"{method} {path.removeprefix(self._prefix)}"
                yield f"operation {name}"
                if self._only is None or name in self._only:
                    yield from self._operation(name, operation)

    def _operation(self, name: str, operation: _Json) -> Iterator[str]:
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "body":
                yield from self._use(f"body {name}", parameter["schema"])
            else:
                kind = self._kind(parameter.get("schema") or parameter)
                yield f"parameter {name} {parameter['in']} {parameter['name']} {kind.split()[0]}"
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield from self._use(f"body {name}", content["schema"])
        for status, answer in operation["responses"].items():
            yield f"status {name} {status}"
            schemas = [part["schema"] for part in answer.get("content", {}).values()]
            if "schema" in answer:
                schemas.append(answer["schema"])
            for schema in schemas:
                # Every failing answer has the same body: told once, by the status.
                if str(status).startswith("2"):
                    yield from self._use(f"answer {name} {status}", schema)
                else:
                    yield from self._reach(schema)
            for header, details in (answer.get("headers") or {}).items():
                kind = self._kind(details.get("schema") or details)
                yield f"header {name} {status} {header} {kind.split()[0]}"

    def _use(self, where: str, schema: _Json) -> Iterator[str]:
        yield f"{where} {self._kind(schema)}"
        yield from self._reach(schema)

    def _kind(self, schema: _Json) -> str:
        """A type in a word or two: "string date-time", "[Note]", "any"."""
        if "$ref" in schema:
            name: str = schema["$ref"].rsplit("/", 1)[-1]
            target = self._schemas[name]
            return "any" if not target.get("type") and not target.get("properties") else name
        if schema.get("type") == "array":
            return f"[{self._kind(schema['items'])}]"
        words = [str(schema.get("type", "any")), str(schema.get("format", ""))]
        return " ".join(word for word in words if word)

    def _reach(self, schema: _Json) -> Iterator[str]:
        if schema.get("type") == "array":
            yield from self._reach(schema["items"])
        if "$ref" not in schema:
            return
        name = schema["$ref"].rsplit("/", 1)[-1]
        if name in self._told:
            return
        self._told.add(name)
        yield from self._structure(name, self._schemas[name])

    def _structure(self, name: str, schema: _Json) -> Iterator[str]:
        words = schema.get("enum", [schema["const"]] if "const" in schema else [])
        for word in words:
            yield f"word {name} {word}"
        for attribute in schema.get("required", ()):
            yield f"mandatory {name}.{attribute}"
        for attribute, details in schema.get("properties", {}).items():
            yield f"attribute {name}.{attribute} {self._kind(details)}"
            if "minItems" in details:
                yield f"fewest {name}.{attribute} {details['minItems']}"
            if "maxLength" in details:
                yield f"longest {name}.{attribute} {details['maxLength']}"
            yield from self._reach(details)
