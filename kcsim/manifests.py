"""Manifests: YAML as Kubernetes reads and prints it, with the line and column of every value.

**Imitates:** sigs.k8s.io/yaml over go-yaml v2: YAML 1.1 booleans (`yes`, `on`), octal integers with a leading zero,
no base-60 numbers, timestamps kept as text, duplicate keys refused, keys made strings; printing with go-yaml's
natural key order, literal blocks for text of several lines and no folding. Left out: `!!binary` and `!!set`.

**Walk:** text -> `documents` (any YAML) -> `read` (objects with a kind, lists expanded) -> whoever applies them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key, lru_cache
from typing import Any

import yaml

Path = tuple[str | int, ...]

_STR, _MAP, _SEQ = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))
_PLAIN = "!plain"
_MERGE = "<<"


class ManifestError(Exception):
    """A manifest that cannot be read; `line` and `column` count from 1."""

    def __init__(self, file: str, line: int, column: int, message: str) -> None:
        super().__init__(f"{file}:{line}:{column}: {message}")
        self.file, self.line, self.column, self.message = file, line, column, message


class Positions:
    """Where each value of one document stands in its file."""

    __slots__ = ("_node",)

    def __init__(self, node: yaml.Node) -> None:
        self._node = node

    def of(self, path: Sequence[str | int]) -> tuple[int, int]:
        """(line, column) of the value at a path, from 1; of its nearest parent where the path leads nowhere."""
        return _start(self._walk(path)[0])

    def of_key(self, path: Sequence[str | int]) -> tuple[int, int]:
        """(line, column) of the key (or list item) at a path, from 1; of its nearest parent where there is none."""
        return _start(self._walk(path)[1])

    def _walk(self, path: Sequence[str | int]) -> tuple[yaml.Node, yaml.Node]:
        value = key = self._node
        for step in path:
            found = _child(value, step)
            if found is None:
                break
            key, value = found
        return value, key


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document of any shape, with the place (from 1) where it begins."""

    value: Any
    file: str
    line: int
    column: int
    positions: Positions


@dataclass(frozen=True, slots=True)
class Manifest:
    """One Kubernetes object as it was written, with the place (from 1) where it begins."""

    object: dict[str, Any]
    file: str
    line: int
    column: int
    positions: Positions

    def error(self, path: Sequence[str | int], message: str) -> ManifestError:
        """A complaint about the value at a path."""
        return ManifestError(self.file, *self.positions.of(path), message)


def read(text: str | bytes, file: str) -> list[Manifest]:
    """The objects of a file of manifests, in order; empty documents are left out, lists are expanded.

    Raises: ManifestError when it is no YAML, repeats a key, or holds something that is no Kubernetes object.
    """
    found: list[Manifest] = []
    for document in documents(text, file):
        if document.value is not None:
            found.extend(_expand(document))
    return found


def documents(
    text: str | bytes,
    file: str,
    repeats: list[str] | None = None,
    *,
    plain: Callable[[str], Any] | None = None,
) -> list[Document]:
    """All documents of a YAML file, empty ones too (their value is None).

    Keys written twice are noted in ``repeats`` where it is given; the last one counts then. ``plain`` says what an unquoted scalar
    means; ``resolve`` when left out.

    Raises: ManifestError when it is no YAML or repeats a key.
    """
    decoded = text if isinstance(text, str) else _decode(text, file)
    made = []
    for node in _nodes(decoded, file):
        line, column = _start(node)
        made.append(
            Document(
                _Builder(file, repeats, plain or resolve).build(node), file, line, column, Positions(node)
            )
        )
    return made


def _expand(document: Document) -> Iterator[Manifest]:
    value, positions = document.value, document.positions
    place = (document.file, document.line, document.column)
    if not isinstance(value, dict):
        raise ManifestError(*place, f"an object is expected here, not {_kind_of(value)}")
    for field, shown in (("kind", "Kind"), ("apiVersion", "apiVersion")):
        given = value.get(field)
        if given is None or given == "":
            raise ManifestError(*place, f"Object '{shown}' is missing in '{_excerpt(value)}'")
        if not isinstance(given, str):
            raise ManifestError(
                document.file, *positions.of((field,)), f"{field} is {_kind_of(given)}, not a string"
            )
    if not (value["kind"].endswith("List") and "items" in value):
        yield Manifest(value, *place, positions)
        return
    items = value["items"]
    if items is not None and not isinstance(items, list):
        raise ManifestError(
            document.file, *positions.of(("items",)), f"items is {_kind_of(items)}, not a list"
        )
    for index, item in enumerate(items or ()):
        _, node = _step(positions, ("items", index))
        line, column = _start(node)
        yield from _expand(Document(item, document.file, line, column, Positions(node)))


def _step(positions: Positions, path: Path) -> tuple[yaml.Node, yaml.Node]:
    value, key = positions._walk(path)  # noqa: SLF001 - the two belong together
    return key, value


def _excerpt(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return text if len(text) <= 120 else text[:117] + "..."


def _kind_of(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


# ---------------------------------------------------------------- parsing


class _Loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]  # libyaml where it is built in
    """Composes nodes; plain scalars keep a tag of their own, so that `!!str 1` and `1` stay apart."""


_Loader.add_implicit_resolver(_PLAIN, re.compile(r".*", re.DOTALL), None)


def _decode(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise ManifestError(file, line, column, "yaml: invalid UTF-8") from error


def _nodes(text: str, file: str) -> tuple[yaml.Node, ...]:
    """What a text consists of. Agents read the same small files of a commit again and again, and so do twin worlds."""
    return _kept(text, file) if len(text) <= _SMALL else _composed(text, file)


def _composed(text: str, file: str) -> tuple[yaml.Node, ...]:
    loader = _Loader(text)
    found = []
    try:
        while loader.check_node():
            found.append(loader.get_node())
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        raise ManifestError(file, line, column, f"yaml: {error.reason}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ManifestError(file, line, column, f"yaml: {error.problem or error.context}") from error
    except RecursionError as error:
        raise ManifestError(file, 1, 1, "yaml: exceeded max depth") from error
    finally:
        loader.dispose()
    return tuple(found)


_SMALL = 20_000
"""Characters of a text of which the nodes are kept."""
_kept = lru_cache(maxsize=512)(_composed)


def _start(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return node.value[step], node.value[step]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(step):
                return key, value
    return None


class _Builder:
    """Turns one document's nodes into plain values; what an anchor names is built once and shared."""

    def __init__(self, file: str, repeats: list[str] | None, plain: Callable[[str], Any]) -> None:
        self._file = file
        self._repeats = repeats
        self._plain = plain
        self._built: dict[yaml.Node, Any] = {}
        self._open: set[yaml.Node] = set()

    def build(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node in self._built:
            return self._built[node]
        if node in self._open:
            raise self._error(node, "yaml: anchor contains itself")
        self._open.add(node)
        try:
            value = (
                self._mapping(node)
                if isinstance(node, yaml.MappingNode)
                else [self.build(n) for n in node.value]
            )
        except RecursionError as error:
            raise self._error(node, "yaml: exceeded max depth") from error
        self._open.discard(node)
        self._built[node] = value
        return value

    def _error(self, node: yaml.Node, message: str) -> ManifestError:
        return ManifestError(self._file, *_start(node), message)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.tag == _PLAIN and key_node.value == _MERGE:
                merged = self._merge(value_node) | merged
                continue
            key = self._key(key_node)
            if key in own:
                text = f'key "{key}" already set in map'
                if self._repeats is None:
                    raise self._error(key_node, f"yaml: {text}")
                self._repeats.append(f"line {_start(key_node)[0]}: {text}")
            own[key] = self.build(value_node)
        return {**merged, **own} if merged else own

    def _merge(self, node: yaml.Node) -> dict[str, Any]:
        if isinstance(node, yaml.MappingNode):
            merged: dict[str, Any] = self.build(node)
            return merged
        if isinstance(node, yaml.SequenceNode) and all(isinstance(n, yaml.MappingNode) for n in node.value):
            merged = {}
            for part in reversed(node.value):  # the first of several maps wins
                merged |= self.build(part)
            return merged
        raise self._error(node, "yaml: map merge requires map or sequence of maps as the value")

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(node, "yaml: a map or a list cannot be a key")
        value = self._scalar(node)
        if value is None:
            raise self._error(node, "yaml: null cannot be a key")
        if isinstance(value, bool):
            return "true" if value else "false"
        return value if isinstance(value, str) else _number_text(value)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        tag = node.tag
        if tag == _STR or tag in ("!", "tag:yaml.org,2002:timestamp"):
            return node.value
        if tag == _PLAIN:
            return self._plain(node.value)
        wanted = {"int": int, "float": float, "bool": bool, "null": type(None)}.get(tag.rpartition(":")[2])
        value = resolve(node.value)
        if wanted is float and type(value) is int:
            value = float(value)
        if wanted is None or type(value) is not wanted:
            raise self._error(node, f"yaml: cannot decode {node.value!r} as {tag}")
        return value


_INT = re.compile(r"[-+]?(?:0b[01]+|0o?[0-7]+|0x[0-9a-fA-F]+|[1-9][0-9]*|0)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_WORDS: Mapping[str, bool | None] = (
    dict.fromkeys(("", "~", "null", "Null", "NULL"), None)
    | dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True)
    | dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False)
)


@lru_cache(maxsize=8192)
def resolve(text: str) -> str | int | float | bool | None:
    """What an unquoted YAML scalar means to Kubernetes."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    number = text.replace("_", "") if text[0] != "_" else text
    if _INT.match(number):
        return _integer(number)
    if _FLOAT.match(number):
        value = float(number)
        return text if math.isinf(value) else value
    return text


def resolve_core(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means to go-yaml v3, which kustomize reads with: ``yes``, ``on``, ``n`` and their like are texts."""
    value = resolve(text)
    return text if isinstance(value, bool) and text.lower() not in {"true", "false"} else value


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567"
    value = int(digits, 8) if octal else int(digits, 0)
    return -value if text[0] == "-" else value


# ---------------------------------------------------------------- printing


def dump(obj: Any, *, sort_keys: bool = True, folded: bool = False) -> str:
    """A value in block style, keys sorted (unless they shall stay); ``folded`` at 80 columns as go-yaml prints it."""
    dumper = _Dumper if sort_keys else _UnsortedDumper
    width = 80 if folded else 1 << 30
    text: str = yaml.dump(
        obj, Dumper=dumper, default_flow_style=False, allow_unicode=True, width=width, sort_keys=False
    )
    return text


def dump_like(value: Any, text: str) -> str:
    """A value in block style, where it resembles the document `text` with that one's quotes, flows and numbers.

    For a text of which a part was changed. Comments are dropped.
    """
    [node] = _nodes(text, "")
    printed: str = yaml.serialize(_styled(value, node), Dumper=_Dumper, allow_unicode=True, width=1 << 30)
    return printed


def _styled(value: Any, like: yaml.Node | None) -> yaml.Node:
    if isinstance(value, dict):
        old = (
            {key.value: (key, item) for key, item in like.value} if isinstance(like, yaml.MappingNode) else {}
        )
        pairs = []
        for name, item in value.items():
            key, below = old.get(name, (None, None))
            pairs.append((_styled(name, key), _styled(item, below)))
        return yaml.MappingNode(_MAP, pairs, flow_style=bool(old) and _style(like, "flow_style"))
    if isinstance(value, list):
        items = like.value if isinstance(like, yaml.SequenceNode) else []
        nodes = [_styled(item, items[i] if i < len(items) else None) for i, item in enumerate(value)]
        return yaml.SequenceNode(_SEQ, nodes, flow_style=bool(items) and _style(like, "flow_style"))
    if isinstance(like, yaml.ScalarNode):
        style = _style(like, "style")
        same = (like.value if style else resolve_core(like.value)) == value
        return yaml.ScalarNode(_STR, like.value if same else _plain(value), style=style)
    [fresh] = _nodes(dump(value), "")
    return yaml.ScalarNode(_STR, fresh.value, style=_style(fresh, "style"))


def _style(node: yaml.Node | None, name: str) -> Any:
    return getattr(node, name, None)  # in a node's own words, which its type stubs do not know


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else dump(value).splitlines()[0]


def dump_all(objects: Sequence[Any]) -> str:
    """Several objects as one file, with `---` between them."""
    return "---\n".join(dump(obj) for obj in objects)


class _Dumper(getattr(yaml, "CDumper", yaml.Dumper)):  # type: ignore[misc]  # libyaml where it is built in
    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - PyYAML's own name; quoting is decided here

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _represent_str(dumper: Any, text: str) -> yaml.Node:
    style = None
    if resolve(text) != text or text == _MERGE or _LOOKS_TYPED.match(text):
        style = '"'
    elif "\n" in text:
        style = "|"
    return _scalar(dumper, text, style)


# go-yaml quotes timestamps, and base-60 numbers because other parsers of YAML 1.1 read them as such.
_LOOKS_TYPED = re.compile(
    r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})?)?\Z"
)


def _scalar(dumper: Any, text: str, style: str | None = None) -> yaml.Node:
    node: yaml.Node = dumper.represent_scalar(_STR, text, style=style)
    return node


def _represent_map(dumper: Any, data: Mapping[str, Any]) -> yaml.Node:
    ordered = [(key, data[key]) for key in _key_order(tuple(data))]
    node: yaml.Node = dumper.represent_mapping(_MAP, ordered)
    return node


def _number_text(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    text = repr(value)
    return text.removesuffix(".0")


_Dumper.add_representer(str, _represent_str)
_Dumper.add_representer(dict, _represent_map)
_Dumper.add_representer(bool, lambda dumper, value: _scalar(dumper, "true" if value else "false"))
_Dumper.add_representer(int, lambda dumper, value: _scalar(dumper, str(value)))
_Dumper.add_representer(float, lambda dumper, value: _scalar(dumper, _number_text(value)))
_Dumper.add_representer(type(None), lambda dumper, _value: _scalar(dumper, "null"))


class _UnsortedDumper(_Dumper):
    """The same, with keys in the order in which they come."""


_UnsortedDumper.add_representer(dict, lambda dumper, data: dumper.represent_mapping(_MAP, data.items()))


@lru_cache(maxsize=4096)
def _key_order(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(keys, key=cmp_to_key(_compare_keys)))


def _compare_keys(left: str, right: str) -> int:
    # go-yaml sorter.go: letters after everything else, runs of digits by their value.
    for i, (a, b) in enumerate(zip(left, right, strict=False)):
        if a == b:
            continue
        if a.isalpha() and b.isalpha():
            return -1 if a < b else 1
        if a.isalpha() or b.isalpha():
            return -1 if b.isalpha() else 1
        run_a, run_b = _digits(left, i), _digits(right, i)
        # A run that began earlier, in the common part, with another digit than zero keeps its leading zeros.
        lead = "1" if "0" in (a, b) and _significant_before(left, i) else ""
        number_a, number_b = int(lead + run_a or "0"), int(lead + run_b or "0")
        if number_a != number_b:
            return -1 if number_a < number_b else 1
        if len(run_a) != len(run_b):
            return -1 if len(run_a) < len(run_b) else 1
        return -1 if a < b else 1
    return (len(left) > len(right)) - (len(left) < len(right))


def _digits(text: str, start: int) -> str:
    end = start
    while end < len(text) and text[end].isdecimal():
        end += 1
    return text[start:end]


def _significant_before(text: str, end: int) -> bool:
    for char in reversed(text[:end]):
        if not char.isdecimal():
            return False
        if char != "0":
            return True
    return False
