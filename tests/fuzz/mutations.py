"""Ways to spoil a scenario file, as data that Hypothesis draws and shrinks.

A mutation names what it does and where as fractions of the file, so that a shrunk example stays a small change of a
shipped file. Text mutations work on lines and bytes; tree mutations on parsed YAML, which keeps it well formed and so
comes past the parser to the checks behind it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import strategies as st

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 10**9, 10**20, -(10**20), 10**400, 0.5, 1e308, float("inf"), float("nan"),
    "", " ", "0", "-1", "1s", "10000000h", "99999999999d", "1us", "1500us", "1e9", "1/s", "1000000/s", "0/s", "null", "yes", "*", "**",
    "a" * 300, "a/b/c/d", "../..", "/", "~", "~nobody/x", ".git", "deploy", "deploy/web.yaml", "web", "shop", "node-1",
    "push", "flux", "\u202e\u2066", "🦀", "é", "\ud7ff", "\x00", "\x1b[31m", "\n", "a\nb", "--", "-n", "-o yaml",
    "get pods", "delete namespace shop", "scale deploy/web --replicas=-1", "apply -f -", "rollout status deploy/web",
    "drain node-1", "suspend kustomization shop", "reconcile source git shop", "'", '"', "`", "$(x)", "{", "[", "{}",
    "%s%d", "{0}", "registry.example/shop/web:1.0.0", "@@@", "a:b:c", "sha256:" + "0" * 64, "1Ki", "-1Gi", "1e400",
    "now()", "now() / 0 > 1", "not", "a.b.c", "ready('deployment/web', 'shop') == 3", "1 == 1", "(" * 90, "-" * 300 + "1 < 2",
    "success_rate('shoppers', '1s') >= 1", "drifted()", "pods('shop')[0].metadata.name == 'x'", "2 ** 999999999 > 1",
    [], {}, [None], [[]], [{}], {"": ""}, {"type": "push"}, {"type": "flux"}, {"name": "x"}, {"min": "1s", "max": "0s"},
    "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: x\n", "kind: List\nitems: 5\n", "apiVersion: v1\n", "{{{", "---\n---\n",
    "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: a, image: b, ports: 5}]}\n",
    "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: [5]}]\n",
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: 999999999}\n",
    "resources: [.]\n", "resources: [..]\nkind: Kustomization\n",
)  # fmt: skip
"""What a value is replaced by: extremes of each type, texts that mean something elsewhere in the file."""

BYTES = (
    b"\x00",
    b"\xff",
    b"\xfe\xff",
    b"\t",
    b"\r",
    b"\n",
    b":",
    b"- ",
    b"? ",
    b"&a ",
    b"*a",
    b"!!x ",
    b"%YAML 9\n",
    b"---\n",
)
BYTES += (
    b"{",
    b"}",
    b"[",
    b"]",
    b"|",
    b">",
    b"#",
    b"'",
    b'"',
    b"\xe2\x80\xae",
    b"\xf0\x9f\xa6\x80",
    b"\xc3",
    b"...\n",
    b"<<: ",
)

TEXT = (
    "drop line",
    "double line",
    "swap lines",
    "truncate",
    "insert",
    "indent",
    "misspell",
    "cut",
    "replace rest",
)
TREE = ("alike", "drop", "double", "rename", "value", "wrap", "move")


@dataclass(frozen=True)
class Mutation:
    """One change; `where` and `other` are shares of the file's length (or of its nodes)."""

    kind: str
    where: float
    other: float = 0.0
    value: Any = None


def mutations() -> st.SearchStrategy[list[Mutation]]:
    """One to three mutations. Mostly of the tree and mostly one: so that a good part of the files can still be run."""
    share = st.floats(0, 1, allow_nan=False)
    tree = st.builds(Mutation, st.sampled_from(TREE), share, share, st.sampled_from(VALUES))
    text = st.builds(Mutation, st.sampled_from(TEXT), share, share, st.sampled_from(BYTES))
    one_tree, one_text = tree.map(lambda change: [change]), text.map(lambda change: [change])
    return st.one_of(one_tree, one_tree, one_text, st.lists(st.one_of(tree, text), min_size=2, max_size=3))


def mutated(text: str, changes: list[Mutation]) -> bytes:
    """The file after the changes: those of the tree come first."""
    tree_changes = [change for change in changes if change.kind in TREE]
    if tree_changes:
        tree = yaml.safe_load(text)
        for change in tree_changes:
            tree = _in_tree(tree, change)
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    data = text.encode("utf-8", "surrogatepass")
    for change in changes:
        if change.kind in TEXT:
            data = _in_text(data, change)
    return data


# Text.


def _in_text(data: bytes, change: Mutation) -> bytes:
    lines = data.split(b"\n")
    at, to = int(change.where * (len(lines) - 1)), int(change.other * (len(lines) - 1))
    offset, until = sorted((int(change.where * len(data)), int(change.other * len(data))))
    match change.kind:
        case "drop line":
            lines[at : at + 1] = []
        case "double line":
            lines[to:to] = [lines[at]]
        case "swap lines":
            lines[at], lines[to] = lines[to], lines[at]
        case "indent":
            lines[at] = b"  " + lines[at] if change.other < 0.5 else lines[at][1:]
        case "misspell":
            line = lines[at]
            place = int(change.other * len(line))
            lines[at] = line[:place] + line[place + 1 :]
        case "replace rest":
            key, colon, _ = lines[at].partition(b": ")
            lines[at] = key + colon + change.value
        case "truncate":
            return data[:offset]
        case "cut":
            return data[:offset] + data[until:]
        case "insert":
            return data[:offset] + change.value + data[offset:]
        case _:
            raise AssertionError(change.kind)
    return b"\n".join(lines)


# Tree.


def _in_tree(tree: Any, change: Mutation) -> Any:
    tree = copy.deepcopy(tree)
    places = list(_places(tree))
    if not places:
        return change.value
    parent, key = places[min(len(places) - 1, int(change.where * len(places)))]
    other, other_key = places[min(len(places) - 1, int(change.other * len(places)))]
    match change.kind:
        case "alike":
            alike = [value for value in VALUES if type(value) is type(parent[key])]
            if alike:
                parent[key] = copy.deepcopy(alike[min(len(alike) - 1, int(change.other * len(alike)))])
        case "drop":
            del parent[key]
        case "double" if isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        case "double":
            parent[f"{key}x"] = copy.deepcopy(parent[key])
        case "rename" if isinstance(parent, dict):
            renamed = {
                change.value if name == key and _is_key(change.value) else name: v
                for name, v in parent.items()
            }
            parent.clear()
            parent.update(renamed)
        case "rename" | "value":
            parent[key] = copy.deepcopy(change.value)
        case "wrap":
            parent[key] = [parent[key]] if change.other < 0.5 else {"x": parent[key]}
        case "move":
            parent[key] = copy.deepcopy(other[other_key])
    return tree


def _is_key(value: Any) -> bool:
    return isinstance(value, str | int | bool) or value is None


def _places(tree: Any) -> Any:
    """(container, key) of every node but the root, in the order of the file."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, below in list(items):
        yield tree, key
        yield from _places(below)
