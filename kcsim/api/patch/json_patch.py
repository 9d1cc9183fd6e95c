"""JSON Patch (RFC 6902): add, remove, replace, move, copy, test.

Imitates: RFC 6902; with `as_server` the departures of the library in the API server (evanphx/json-patch v4, as
recorded from 1.36.2): `replace` of a missing member adds it, `copy` from one gives null, `test` of one equals null,
a missing `value` is null, array indexes may be negative or have leading zeros.
Walk: operation -> pointer tokens -> new document that shares all that did not change.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from kcsim.api.patch.values import PatchError, json_equal

Operation = dict[str, Any]
_MISSING: Any = object()
_INDEX = re.compile(r"0|[1-9][0-9]*")
_ATOI = re.compile(r"[+-]?[0-9]+")


class JSONPatchError(PatchError):
    """An operation that does not apply."""


def apply(document: Any, patch: list[Operation], *, as_server: bool = False) -> Any:
    """Applies the operations in order; the document itself stays as it was.

    Raises: JSONPatchError at the first operation that does not apply.
    """
    if not isinstance(patch, list):
        raise JSONPatchError("a JSON patch must be an array of operations")
    for operation in patch:
        document = _Applier(as_server).apply(document, operation)
    return document


@lru_cache(maxsize=2048)
def parse_pointer(pointer: str) -> tuple[str, ...]:
    """The tokens of a JSON pointer (RFC 6901), unescaped."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise JSONPatchError(f"JSON pointer must start with a slash: {pointer}")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))


class _Applier:
    """One operation under one reading of the RFC."""

    def __init__(self, as_server: bool) -> None:
        self._as_server = as_server

    def apply(self, document: Any, operation: Operation) -> Any:
        if not isinstance(operation, dict):
            raise JSONPatchError("an operation must be an object")
        name = operation.get("op")
        path = self._pointer(operation, "path")
        match name:
            case "add":
                return self._edit(document, path, partial(self._insert, value=self._value(operation)))
            case "remove":
                return self._edit(document, path, self._remove)
            case "replace":
                return self._edit(document, path, partial(self._replace, value=self._value(operation)))
            case "test":
                return self._test(document, path, self._value(operation))
            case "copy":
                value = self._get(document, self._pointer(operation, "from"), missing=None)
                return self._edit(document, path, partial(self._insert, value=value))
            case "move":
                return self._move(document, self._pointer(operation, "from"), path)
            case _:
                raise JSONPatchError(f"Unexpected kind: {name}")

    def _pointer(self, operation: Operation, member: str) -> tuple[str, ...]:
        pointer = operation.get(member)
        if not isinstance(pointer, str):
            raise JSONPatchError(f"operation without {member}: {operation}")
        return parse_pointer(pointer)

    def _value(self, operation: Operation) -> Any:
        if "value" in operation or self._as_server:
            return operation.get("value")
        raise JSONPatchError(f"operation without value: {operation}")

    def _test(self, document: Any, path: tuple[str, ...], value: Any) -> Any:
        if not json_equal(self._get(document, path, missing=None), value):
            raise JSONPatchError(f"testing value /{'/'.join(path)} failed")
        return document

    def _move(self, document: Any, source: tuple[str, ...], path: tuple[str, ...]) -> Any:
        if source == path:
            self._get(document, source)
            return document
        if path[: len(source)] == source:
            raise JSONPatchError(f"cannot move /{'/'.join(source)} into itself")
        value = self._get(document, source)
        return self._edit(
            self._edit(document, source, self._remove), path, partial(self._insert, value=value)
        )

    def _get(self, document: Any, path: tuple[str, ...], missing: Any = _MISSING) -> Any:
        """The value at a path. `missing` stands in for a missing last member where the server is lenient."""
        for position, token in enumerate(path):
            if isinstance(document, dict):
                lenient = self._as_server and missing is not _MISSING and position == len(path) - 1
                document = document.get(token, missing if lenient else _MISSING)
                if document is _MISSING:
                    raise JSONPatchError(f"path does not exist: /{'/'.join(path)}")
            elif isinstance(document, list):
                document = document[self._index(token, len(document))]
            else:
                raise JSONPatchError(f"path does not exist: /{'/'.join(path)}")
        return document

    def _edit(self, node: Any, path: tuple[str, ...], change: Callable[[Any, str], Any]) -> Any:
        """The node with its descendant at the path changed: copies the containers on the way, nothing else."""
        if len(path) <= 1:
            return change(node, path[0]) if path else change([node], "0")[0]
        if isinstance(node, dict) and path[0] in node:
            return {**node, path[0]: self._edit(node[path[0]], path[1:], change)}
        if isinstance(node, list):
            index = self._index(path[0], len(node))
            return [*node[:index], self._edit(node[index], path[1:], change), *node[index + 1 :]]
        raise JSONPatchError(f"doc is missing path: {path[0]}")

    def _insert(self, node: Any, token: str, *, value: Any) -> Any:
        if isinstance(node, dict):
            return {**node, token: value}
        if isinstance(node, list):
            index = len(node) if token == "-" else self._index(token, len(node) + 1)  # noqa: S105 - RFC 6901
            return [*node[:index], value, *node[index:]]
        raise JSONPatchError(f"doc is missing path: {token}")

    def _remove(self, node: Any, token: str) -> Any:
        if isinstance(node, dict) and token in node:
            return {key: value for key, value in node.items() if key != token}
        if isinstance(node, list):
            index = self._index(token, len(node))
            return [*node[:index], *node[index + 1 :]]
        raise JSONPatchError(f"Unable to remove nonexistent key: {token}")

    def _replace(self, node: Any, token: str, *, value: Any) -> Any:
        if isinstance(node, dict) and (token in node or self._as_server):
            return {**node, token: value}
        if isinstance(node, list):
            index = self._index(token, len(node))
            return [*node[:index], value, *node[index + 1 :]]
        raise JSONPatchError(f"missing key: {token}")

    def _index(self, token: str, size: int) -> int:
        """An array index below `size`."""
        if self._as_server and _ATOI.fullmatch(token):
            index = int(token)
            index += size if index < 0 else 0
        elif _INDEX.fullmatch(token):
            index = int(token)
        else:
            raise JSONPatchError(f"not an array index: {token}")
        if not 0 <= index < size:
            raise JSONPatchError(f"Unable to access invalid index: {token}")
        return index
