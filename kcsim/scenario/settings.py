"""Settings: single values of a scenario replaced on the way in, as `--set key=value` gives them.

    deliveries.flux.kustomization.interval=5m
    timeline[release].at=12m
    cluster.nodes=5

A setting changes the tree that was read from the file, before anything looks at its shape, so that a misspelt key is told
with its near miss and every later check works on the changed story.
**Walk:** `read_settings` parses keys and values -> `with_settings` rebuilds the tree along each path; aliases of the file
that share a part with it keep the old value.
"""

import json
import os
import re
from collections.abc import Iterable
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from typing import Any

from kcsim.scenario.diagnostics import Position, Report, did_you_mean
from kcsim.scenario.yamltree import Mapping, Scalar, Sequence, Tree, parse

Settings = Map[str, Any] | str | Iterable[str]
"""{key: value}, or texts "key=value"; a value that is a text is read as YAML."""

_NOT_PRINTED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")
"""What JSON leaves as it is and YAML takes for a break, or refuses."""
_STEP = re.compile(r'\.?(?:([A-Za-z_][\w-]*)|\["([^"]+)"\]|\[([^\[\]]+)\])')


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its text as given, the steps of its key, and the value with positions inside the text."""

    text: str
    steps: tuple[tuple[str, int], ...]
    """(word, offset in the text)."""
    value: Tree

    def position(self, offset: int) -> Position:
        """A place in the setting's text."""
        return Position(f"--set {self.text}", 1, offset + 1)


def read_settings(settings: Settings | None, report: Report) -> list[Setting]:
    """Parse settings; what cannot be read goes into the report."""
    if settings is None:
        return []
    texts = (
        [f"{key}={_written(value)}" for key, value in settings.items()]
        if isinstance(settings, Map)
        else [settings]
        if isinstance(settings, str)
        else list(settings)
    )
    return [read for text in texts if (read := _read(text, report)) is not None]


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Map):
        return (
            "{"
            + ", ".join(f"{_quoted(str(key))}: {_written_inside(item)}" for key, item in value.items())
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_written_inside(item) for item in value) + "]"
    return repr(value)


def _written_inside(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) else _written(value)


def _quoted(text: str) -> str:
    """A text as a YAML scalar that reads back as the same; a line break in single quotes would become a blank."""
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    shown = json.dumps(text, ensure_ascii=False)
    return _NOT_PRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", shown)


def _read(text: str, report: Report) -> Setting | None:
    whole = Position(f"--set {' '.join(text.split())}")
    key, equals = _split(text)
    if not equals:
        report.add("KC801", whole, "a setting needs a key, '=' and a value", "Write it like cluster.nodes=5.")
        return None
    steps: list[tuple[str, int]] = []
    offset = 0
    while offset < len(key):
        match = _STEP.match(key, offset)
        if match is None or (offset == 0 and key[0] in ".["):
            remedy = "Write it like timeline[release].at or deliveries.flux.gitRepository.interval."
            report.add("KC801", whole, f"'{key[:80]}' is no path of fields", remedy)
            return None
        word = match[1] or match[2] or match[3]
        steps.append((word, match.start(match.lastindex or 0)))
        offset = match.end()
    if not steps:
        report.add("KC801", whole, "the setting has no key", "Write it like cluster.nodes=5.")
        return None
    value = _value(text, len(key) + 1, report)
    return Setting(text, tuple(steps), value) if value is not None else None


def _split(text: str) -> tuple[str, bool]:
    """The key, and whether an `=` outside of brackets ends it."""
    depth = 0
    for index, char in enumerate(text):
        if char == "=" and depth == 0:
            return text[:index], True
        depth += (char == "[") - (char == "]")
    return text, False


def _value(text: str, start: int, report: Report) -> Tree | None:
    """The value's tree; its positions count within the whole setting."""
    name = f"--set {' '.join(text.split())}"
    # Leading blanks keep the columns right without a second notion of position.
    padded = " " * start + text[start:]
    found = parse(padded, name, report) if text[start:].strip() else None
    if found is None and not report.errors:
        return Scalar(Position(name, 1, start + 1), text[start:].strip(), plain=True)
    return found


# Changing the tree.


@dataclass(frozen=True, slots=True)
class Changes:
    """What is given beside a scenario file.

    Attributes:
        settings: `{key: value}` or texts "key=value".
        repository: a git repository on disk that takes the place of the scenario's only one.
        pace: with `repository`: a duration text, one commit every so long.
        path: with `repository`: the folder of it that holds the manifests.
    """

    settings: Settings | None = None
    repository: str | None = None
    pace: str | None = None
    path: str | None = None

    def made(self, tree: Tree, report: Report) -> Tree:
        """The tree with the changes made; what cannot be made goes into the report."""
        if self.repository is not None:
            tree = with_repository(tree, self.repository, self.pace, self.path, report)
        else:
            for option, noun, value in (("--pace", "pace", self.pace), ("--path", "path", self.path)):
                if value is not None:
                    message = f"a {noun} goes with a repository on disk"
                    report.add("KC801", Position(f"{option} {value}"), message, "Give --repo PATH as well.")
        return with_settings(tree, read_settings(self.settings, report), report)


def with_repository(tree: Tree, path: str, pace: str | None, folder: str | None, report: Report) -> Tree:
    """The story with its only repository replaced by one on disk, of which `folder` holds the manifests.

    Its history takes the place of the story's commits; the story's traffic, expectations and lesson speak of files that
    are not there any more and go as well, and so do commands at objects. Clusters, deliveries and faults stay; title and
    summary name the repository. A story that
    was written for a repository on disk (`clone`) stays whole: only the place of the repository changes.
    """
    where = Position(f"--repo {path}")
    repositories = tree.child("repositories")
    if (
        not isinstance(tree, Mapping)
        or not isinstance(repositories, Sequence)
        or len(repositories.items) != 1
    ):
        report.add(
            "KC801", where, "--repo replaces the only repository of a scenario; this one has not exactly one"
        )
        return tree
    old = repositories.items[0]
    given = old.items if isinstance(old, Mapping) else {}
    for_a_clone = "clone" in given
    kept = {key: item for key, item in given.items() if key == "name" or for_a_clone}
    items: dict[str, Tree] = {**kept, "clone": Scalar(where, os.path.abspath(path), plain=False)}  # noqa: PTH100 - kept as text
    if pace is not None:
        items["pace"] = Scalar(Position(f"--pace {pace}"), pace, plain=False)
    if folder is not None:
        items["path"] = Scalar(Position(f"--path {folder}"), folder, plain=False)
    replaced = Mapping(where, items=items, keys=dict.fromkeys(items, where))
    found = with_item(tree, "repositories", replace(repositories, items=[replaced]), where)
    if for_a_clone:
        return found
    gone = {"traffic", "expectations", "timeline", "teaches", "lesson"}
    rest = {key: item for key, item in found.items.items() if key not in gone}
    name = found.child("name")
    story = f" {name.text}" if isinstance(name, Scalar) else ""
    told = {
        "title": f"The commits of {os.path.basename(os.path.abspath(path))}",  # noqa: PTH100, PTH119 - kept as text
        "summary": f"The history of {path}, on the cluster and with the deliveries and faults of the scenario{story}.",
    }
    rest |= {key: Scalar(where, text, plain=False) for key, text in told.items()}
    left_out = [f"`{key}`" for key in ("traffic", "expectations", "lesson") if key in found.items]
    timeline = found.items.get("timeline")
    if isinstance(timeline, Sequence):
        stays = [entry for entry in timeline.items if entry.child("fault") is not None]
        rest["timeline"] = replace(timeline, items=stays)
        if len(stays) < len(timeline.items):
            left_out.append("what the `timeline` does but for faults")
    if left_out:
        parts = f"{', '.join(left_out[:-1])} and {left_out[-1]}" if left_out[1:] else left_out[0]
        report.add("KC605", where, f"left out, for it speaks of the scenario's own files: {parts}")
    return replace(found, items=rest)


def with_settings(tree: Tree, settings: Iterable[Setting], report: Report) -> Tree:
    """The tree with every setting made, in their order; a path that leads nowhere goes into the report."""
    for setting in settings:
        tree = _set(tree, setting, 0, report)
    return tree


def _set(node: Tree, setting: Setting, number: int, report: Report) -> Tree:
    if number == len(setting.steps):
        return setting.value
    word, offset = setting.steps[number]
    if isinstance(node, Mapping):
        below = node.items.get(word)
        # A missing part is made on the way; whether the scenario has such a field is the binder's business.
        start = below if below is not None else Mapping(setting.position(offset))
        return with_item(node, word, _set(start, setting, number + 1, report), setting.position(offset))
    if isinstance(node, Sequence):
        index = _index(node, word)
        if index is None:
            known = [name for item in node.items if (name := _name(item)) is not None]
            report.add(
                "KC801",
                setting.position(offset),
                f"'{_shown(setting, number)}' has no item '{word[:60]}'",
                did_you_mean(word, known, f"items of {_shown(setting, number)}"),
            )
            return node
        items = list(node.items)
        items[index] = _set(items[index], setting, number + 1, report)
        return replace(node, items=items)
    message = f"'{_shown(setting, number)}' is a single value: it has no '{word[:60]}'"
    report.add("KC801", setting.position(offset), message)
    return node


def with_item(node: Mapping, key: str, value: Tree, position: Position) -> Mapping:
    """A map with one item set; the key's place is kept where it is written, else it is `position`."""
    keys = dict(node.keys)
    keys.setdefault(key, position)
    return replace(node, items={**node.items, key: value}, keys=keys)


def _index(node: Sequence, word: str) -> int | None:
    for index, item in enumerate(node.items):
        if _name(item) == word:
            return index
    return int(word) if word.isdigit() and int(word) < len(node.items) else None


def _name(item: Tree) -> str | None:
    name = item.child("name")
    return name.text if isinstance(name, Scalar) else None


def _shown(setting: Setting, number: int) -> str:
    return ".".join(word for word, _ in setting.steps[:number]) or "the scenario"
