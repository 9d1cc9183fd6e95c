"""What a commit of the timeline does to the files of a repository.  Decides; never acts.

`committed(files, commit)` gives the files after it, or why it cannot be made; the checker and the run use the same.
Fields are set in the text, so that comments and order survive, as a person's editor would leave them.
"""

import json
import re
from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import Any

from kcsim.kubectl.flags import Editor
from kcsim.kubectl.session import KubectlError
from kcsim.scenario.diagnostics import Report, did_you_mean
from kcsim.scenario.model import Commit, Edit
from kcsim.scenario.yamltree import Mapping, Scalar, Sequence, Tree, parse_all

Files = Map[str, str]
"""Path -> text."""


@dataclass(frozen=True, slots=True)
class EditFault:
    """Why a commit cannot be made; `path` leads to the place inside the commit."""

    path: tuple[str | int, ...]
    code: str
    message: str
    remedy: str = ""


class EditError(ValueError):
    """A field that cannot be set; the text says why."""


def editor(edit: Edit) -> Editor:
    """The person who makes this edit in an editor; one who does not find the old text gives up.

    Opened again because what was saved is not valid, the text is left as it is.
    """
    opened: list[str] = []

    def save(text: str) -> str:
        opened.append(text)
        if len(opened) > 1:
            return text
        for old, new in edit.replace.items():
            if old not in text:
                raise KubectlError(f"error: the editor was left: there is no '{_line(old)}' in the object")
            text = text.replace(old, new)
        return text

    return save


def committed(files: Files, commit: Commit) -> tuple[dict[str, str], list[EditFault]]:
    """The files after a commit: written, edited, set, deleted, in this order; faults leave their file as it was."""
    after = dict(files)
    faults: list[EditFault] = []
    for path, text in commit.files.items():
        if not is_inside(path):
            faults.append(_outside(("files", path), path))
        elif after.get(path) == text:
            faults.append(EditFault(("files", path), "KC211", f"'{path}' already has this text"))
        else:
            after[path] = text
    for path, edit in commit.edit.items():
        if path not in after:
            faults.append(_missing(("edit", path), path, after))
            continue
        for old, new in edit.replace.items():
            where = ("edit", path, "replace", old)
            if not old or old not in after[path]:
                faults.append(
                    EditFault(
                        where,
                        "KC211",
                        f"'{path}' does not hold the text '{_line(old)}'",
                        _nearest(old, after[path]),
                    )
                )
            elif old == new:
                faults.append(EditFault(where, "KC211", f"'{_line(old)}' is replaced by itself"))
            else:
                after[path] = after[path].replace(old, new)
    for path, fields in commit.set.items():
        if path not in after:
            faults.append(_missing(("set", path), path, after))
            continue
        for address, value in fields.items():
            try:
                after[path] = set_field(after[path], address, value)
            except EditError as error:
                faults.append(EditFault(("set", path, address), "KC211", f"'{path}': {error}"))
    for index, path in enumerate(commit.delete):
        if path not in after:
            faults.append(_missing(("delete", index), path, after))
        else:
            del after[path]
    if not faults and after == dict(files):
        faults.append(
            EditFault((), "KC211", "the commit changes no file", "Give it files, edit, set or delete.")
        )
    return after, faults


def is_inside(path: str) -> bool:
    """Whether a path names a file inside a repository, as git writes it."""
    parts = path.split("/")
    return (
        bool(path)
        and not any(part in {"", ".", "..", ".git"} for part in parts)
        and "\\" not in path
        and path.isprintable()
    )


def _outside(where: tuple[str | int, ...], path: str) -> EditFault:
    remedy = "Write it relative to the repository's root, like deploy/web.yaml."
    return EditFault(where, "KC104", f"'{_line(path)}' is not a path inside the repository", remedy)


def _missing(where: tuple[str | int, ...], path: str, files: Files) -> EditFault:
    return EditFault(
        where, "KC210", f"the repository has no file '{_line(path)}' then", did_you_mean(path, files, "files")
    )


def _nearest(old: str, text: str) -> str:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return (
        did_you_mean(old.strip().partition("\n")[0], lines, "lines", ())
        .replace("  (lines: none)", "")
        .replace("lines: none", "")
    )


def _line(text: str) -> str:
    first, newline, _ = text.partition("\n")
    shown = "".join(char if char.isprintable() else "?" for char in first[:60])
    return shown + ("..." if newline or len(first) > 60 else "")


# Setting a field in the text.

_STEP = re.compile(r'\.?(?:([A-Za-z_][\w/-]*)|\[(\d{1,6})\]|\["([^"]+)"\]|\[([A-Za-z]\w*)=([^\]]+)\])')


def set_field(text: str, address: str, value: Any) -> str:
    """The manifest text with one field set; comments, order and everything else stay.

    `address` is a path (`spec.template.spec.containers[name=web].image`, `metadata.annotations["a.b/c"]`), in a file of
    several objects after the object: `Deployment/web spec.replicas`.

    Raises:
        EditError: when the place cannot be found or the text is no plain block YAML there.
    """
    whose, blank, path = address.strip().rpartition(" ")
    steps = list(_steps(path if blank else address))
    report = Report()
    trees = [tree for tree in parse_all(text, "", report) if isinstance(tree, Mapping)]
    if report.errors or not trees:
        raise EditError("it is not YAML whose fields could be set")
    return _set_in(text, _document(trees, whose.strip()), steps, value)


def _steps(path: str) -> Iterator[str | int | tuple[str, str]]:
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise EditError(
                f'"{_line(path)}" is no field path: write spec.replicas or containers[name=web].image'
            )
        name, index, quoted, key, wanted = match.groups()
        yield name or quoted or ((key, wanted) if key else int(index))
        position = match.end()
    if not path:
        raise EditError("the field's path is empty")


def _document(trees: list[Mapping], whose: str) -> Mapping:
    named = {_identity(tree): tree for tree in trees}
    if whose:
        found = next((tree for name, tree in named.items() if name.lower() == whose.lower()), None)
        if found is None:
            raise EditError(f"it has no object {whose}: it has {', '.join(sorted(named))}")
        return found
    if len(trees) > 1:
        raise EditError(f'it has several objects: write "{min(named)} <field>"')
    return trees[0]


def _identity(tree: Mapping) -> str:
    kind, metadata = tree.items.get("kind"), tree.items.get("metadata")
    name = metadata.child("name") if metadata is not None else None
    return "/".join(part.text if isinstance(part, Scalar) else "?" for part in (kind, name))


def _set_in(text: str, root: Mapping, steps: list[str | int | tuple[str, str]], value: Any) -> str:
    node: Tree = root
    for number, step in enumerate(steps):
        below = _below(node, step)
        if below is None:
            if not isinstance(node, Mapping) or not all(isinstance(rest, str) for rest in steps[number:]):
                raise EditError(f"there is no {_shown(steps[: number + 1])}")
            return _insert(text, node, [str(rest) for rest in steps[number:]], value)
        node = below
    if not isinstance(node, Scalar):
        raise EditError(f"{_shown(steps)} is a map or a list: edit the file instead")
    line_end = "\n" if text[node.start : node.end].endswith("\n") else ""
    return text[: node.start] + _written(value) + line_end + text[node.end :]


def _below(node: Tree, step: str | int | tuple[str, str]) -> Tree | None:
    if isinstance(step, tuple):
        if not isinstance(node, Sequence):
            return None
        key, wanted = step
        for item in node.items:
            found = item.child(key)
            if isinstance(found, Scalar) and found.text == wanted:
                return item
        return None
    return node.child(step)


def _insert(text: str, parent: Mapping, keys: list[str], value: Any) -> str:
    """New lines before the parent's first key; what stood before that key (`- `) then stands before the new one."""
    if not parent.items:
        raise EditError("the map there is empty: edit the file instead")
    line, column = parent.position.line, parent.position.column
    lines = text.split("\n")
    offset = sum(len(each) + 1 for each in lines[: line - 1]) + column - 1
    if text[offset] == "{":
        raise EditError("the map there is written in braces: edit the file instead")
    pad = " " * (column - 1)
    added = ""
    for depth, key in enumerate(keys[:-1]):
        added += f"{_written(key)}:\n{pad}{'  ' * (depth + 1)}"
    added += f"{_written(keys[-1])}: {_written(value)}\n{pad}"
    return text[:offset] + added + text[offset:]


_PLAIN_TEXT = re.compile(r"[A-Za-z/][\w./:@-]*[\w/]|[A-Za-z/]")
_NOT_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def _written(value: Any) -> str:
    """A value in one line: plain where that is safe, JSON (which YAML holds) elsewhere."""
    if isinstance(value, str) and _PLAIN_TEXT.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    return json.dumps(value, ensure_ascii=False)


def _shown(steps: list[str | int | tuple[str, str]]) -> str:
    shown = ""
    for step in steps:
        if isinstance(step, tuple):
            shown += f"[{step[0]}={step[1]}]"
        else:
            shown += f"[{step}]" if isinstance(step, int) else f".{step}" if shown else step
    return shown
