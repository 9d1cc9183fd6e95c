"""Three columns of one object: what git says now, what the delivery applied last, and what is live; only where they differ.

Compared is what a manifest can say, with the defaults a server fills in, as drift is (``kcsim.scenario.wanted``). Beside each
field stands who owns it live, from ``managedFields``.

**Walk:** the object's newest manifest in git, the one applied last, the live object -> the paths in which any two differ ->
``ThreeWay`` -> ``svg``, ``str`` or ``to_records``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.engine.clock import format_duration
from kcsim.engine.shown import Tabular
from kcsim.scenario.divergence import substance
from kcsim.scenario.play import Play
from kcsim.scenario.wanted import Wanted
from kcsim.simulation.finding import NotFound
from kcsim.simulation.leaves import Leaf, differences
from kcsim.views.svg import Svg
from kcsim.views.text import table

ABSENT = "(absent)"
_WIDTH, _PATH, _ROW, _HEAD = 960, 300, 22, 66


@dataclass(frozen=True, slots=True)
class Line:
    """One field: its path, its value in git, as applied last, and live (None: not there), and its managers."""

    path: str
    git: Any
    applied: Any
    live: Any
    managers: tuple[str, ...]

    @property
    def says(self) -> str:
        """What the three together mean."""
        if self.git == self.applied:
            return "drift: live is not what was applied"
        if self.applied == self.live:
            return "not delivered yet: git has moved on"
        return "live already as git says" if self.git == self.live else "drift, and git has moved on"


@dataclass(frozen=True, slots=True)
class ThreeWay(Tabular):
    """One object at ``time`` (µs); ``in_git``, ``applied`` and ``live`` say where it is at all."""

    object: str
    time: int
    in_git: bool
    applied: bool
    live: bool
    lines: tuple[Line, ...]

    def to_records(self) -> list[dict[str, Any]]:
        """``{path, git, applied, live, managers, says}`` for each field that differs."""
        return [
            {
                "path": line.path,
                "git": line.git,
                "applied": line.applied,
                "live": line.live,
                "managers": list(line.managers),
                "says": line.says,
            }
            for line in self.lines
        ]

    @property
    def verdict(self) -> str:
        """In one line."""
        if not self.live:
            return "it is not in the cluster" + (", git has it" if self.in_git else "")
        if not self.in_git:
            return "git does not have it (any more)" + (", but it was applied" if self.applied else "")
        if not self.applied:
            return "git has it, but the delivery has not applied it yet"
        return f"{len(self.lines)} fields differ" if self.lines else "git, last applied and live agree"

    def __str__(self) -> str:
        head = f"{self.object} at t={format_duration(self.time)}: {self.verdict}"
        if not self.lines:
            return head
        rows = [
            (line.path, _cell(line.git), _cell(line.applied), _cell(line.live), ", ".join(line.managers))
            for line in self.lines
        ]
        return f"{head}\n{table(('field', 'git', 'last applied', 'live', 'managed by'), rows)}".rstrip()

    def svg(self) -> Svg:
        """The columns beside each other; a cell that differs from the one at its left is marked."""
        return _drawn(self)


def three_way(play: Play, ref: str, namespace: str | None = None, cluster: str | None = None) -> ThreeWay:
    """The three columns of an object that the delivery manages, now.

    Raises:
        NotFound: no commit so far asks for such an object; those that are asked for are named. Or there are several.
    """
    managed = {each.key: each for each in play.managed()}
    kind, _, name = ref.partition("/")
    if namespace is None and "/" in name:
        namespace, _, name = name.partition("/")
    resource = play.cluster().server.catalog.by_word(kind)
    known = {**play.episodes.managed, **managed}
    home = play.cluster(cluster).name if cluster else None
    found = [
        each
        for each in known.values()
        if resource is not None
        and each.key.resource == resource.group_resource
        and each.key.name == name
        and namespace in {None, each.key.namespace}
        and home in {None, each.key.cluster}
    ]
    if not found:
        there = ", ".join(each.ref for each in list(known.values())[:8]) or "nothing so far"
        raise NotFound(f"no commit asks for {ref}; the delivery manages {there}")
    if len(found) > 1:
        several = ", ".join(f"{each.key.cluster} {each.key.namespace}".strip() for each in found)
        raise NotFound(f"{ref} is managed in several places ({several}): say in which namespace and cluster")
    wanted = found[0]
    newest = _newest(play, wanted)
    applied = play.episodes.managed.get(wanted.key)
    live = _live(play, wanted)
    return ThreeWay(
        ref,
        play.engine.now,
        newest is not None,
        applied is not None,
        live is not None,
        _lines(newest.manifest if newest else None, applied.manifest if applied else None, live),
    )


def _newest(play: Play, wanted: Wanted) -> Wanted | None:
    """The object as the newest commit on the delivered branch has it."""
    changes = play.changes()
    if not changes:
        return None
    return next((each for each in play.way.wanted(changes[-1].sha) if each.key == wanted.key), None)


def _live(play: Play, wanted: Wanted) -> Object | None:
    """The live object with its ``managedFields``, which are worked out when asked for."""
    server = play.world.clusters[wanted.key.cluster].server
    version = server.log.get(wanted.resource, wanted.key.namespace, wanted.key.name)
    return server.ownership.shown(version) if version is not None else None


def _lines(git: Object | None, applied: Object | None, live: Object | None) -> tuple[Line, ...]:
    if live is None or (git is None and applied is None):
        return ()
    base = substance(live)
    columns: list[dict[str, Leaf]] = []
    for manifest in (git, applied):
        if manifest is None:
            columns.append({})
            continue
        told = substance(manifest)
        # Only what the manifest names: the rest of the live object is nobody's drift.
        columns.append({leaf.path: leaf for leaf in differences(base, told) if leaf.after is not None})
    between: dict[str, Leaf] = {}
    if git is not None and applied is not None:
        between = {leaf.path: leaf for leaf in differences(substance(applied), substance(git))}
    managers = managers_of(live)
    paths = dict.fromkeys([*columns[0], *columns[1], *between])
    lines = []
    for path in paths:
        in_git, last, change = columns[0].get(path), columns[1].get(path), between.get(path)
        is_live = next((leaf.before for leaf in (in_git, last) if leaf is not None), None)
        if in_git is None and last is None and change is not None:
            continue  # a field that git dropped and the cluster does not have either
        said = in_git.after if in_git is not None else (change.after if change is not None else is_live)
        had = last.after if last is not None else (change.before if change is not None else is_live)
        if git is None:
            said = None
        if applied is None:
            had = None
        lines.append(Line(path, said, had, is_live, managers.get(path, ())))
    return tuple(lines)


def managers_of(live: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Path of a field -> who manages it live, from ``managedFields``; paths as ``kcsim.simulation.leaves`` writes them."""
    found: dict[str, list[str]] = {}
    for entry in live["metadata"].get("managedFields") or ():
        _walk(entry.get("fieldsV1") or {}, "", entry.get("manager", ""), found)
    return {path: tuple(dict.fromkeys(names)) for path, names in found.items()}


def _walk(fields: Mapping[str, Any], path: str, manager: str, found: dict[str, list[str]]) -> None:
    for key, below in fields.items():
        kind, _, name = key.partition(":")
        if kind == "f":
            plain = name.replace("-", "").replace("_", "").isalnum()
            step = f"{path}.{name}" if path and plain else name if plain else f'{path}["{name}"]'
        elif kind == "k":
            step = f"{path}[{_key(name)}]"
        else:
            step = path
        if below:
            _walk(below, step, manager, found)
        if kind in {"f", "k", "v"} and set(below) <= {"."}:
            found.setdefault(step, []).append(manager)


def _key(text: str) -> str:
    """``{"name":"web"}`` as ``web``: how a path names an item of a list."""
    from json import loads

    try:
        keys = loads(text)
    except ValueError:
        return text
    return str(keys.get("name", next(iter(keys.values()), ""))) if isinstance(keys, dict) else text


def _cell(value: Any) -> str:
    text = ABSENT if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _drawn(told: ThreeWay) -> Svg:
    column = (_WIDTH - _PATH - 24) / 3
    height = _HEAD + max(1, len(told.lines)) * 2 * _ROW + 8
    svg = Svg(_WIDTH, height, f"{told.object}: git, last applied and live", str(told))
    svg.text(12, 20, f"{told.object} at t={format_duration(told.time)}", "strong")
    svg.text(12, 38, told.verdict, "soft")
    for place, name in enumerate(("git", "last applied", "live")):
        svg.text(_PATH + place * column + 8, 60, name, "soft")
    svg.line(0, _HEAD, _WIDTH, _HEAD, "axis")
    most = int((column - 14) / 6.7)
    for number, line in enumerate(told.lines):
        y = float(_HEAD + number * 2 * _ROW)
        svg.text(12, y + 17, _fitted(line.path, 44), "mono", "start")
        owner = f"managed by {', '.join(line.managers)}; " if line.managers else ""
        svg.text(12, y + 34, _fitted(f"{owner}{line.says}", 64), "soft small")
        cells = (line.git, line.applied, line.live)
        for place, value in enumerate(cells):
            x = _PATH + place * column
            differs = place > 0 and value != cells[place - 1]
            if differs:
                look = "pending faint" if place == 1 else "failed faint"
                svg.rect(x + 2, y + 4, column - 4, 2 * _ROW - 8, look, f"{line.path}: {line.says}")
            svg.text(x + 8, y + 19, _fitted(f"{'≠ ' if differs else ''}{_cell(value)}", most), "mono")
        svg.line(0, y + 2 * _ROW, _WIDTH, y + 2 * _ROW)
    return svg


def _fitted(words: str, most: int) -> str:
    """The end of a path says more than its beginning."""
    if len(words) <= most:
        return words
    return f"{words[:2]}…{words[-most + 3 :]}" if words.startswith("≠ ") else f"…{words[-most + 1 :]}"
