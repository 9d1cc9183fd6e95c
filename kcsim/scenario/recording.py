"""Finished worlds as files: what `kcsim run --out` writes and `kcsim why` reads.

A recording is a folder::

    kcsim-run.json        which kcsim wrote this, and every file it wrote, so that a later run may replace them
    result.json           the comparison: the document of `kcsim run --json`
    timeline.json         what happened in all worlds, in short, and why: what the report is made of
    report.html           the same to read: one page, for a browser
    <delivery>/           one folder a world
        scenario.yaml     the scenario as it was run, with seed and settings; `kcsim run` takes it again
        trace.jsonl       what happened; its SHA-256 is the trace_sha256 of result.json (columns: docs/trace.md)
        objects.yaml      every object at the end, by kind, namespace and name; one file a cluster when there are several
        result.json       measures and verdicts of this world

**Walk:** `prepare` refuses a folder that holds anything else -> `write` -> `read_trace` gives the lines back, checked.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kcsim.api.server import ApiServer
from kcsim.engine.clock import format_duration, seconds, to_seconds
from kcsim.manifests import dump
from kcsim.scenario.compare import Twins
from kcsim.scenario.contents import resolve
from kcsim.scenario.dump import to_yaml
from kcsim.scenario.model import Scenario
from kcsim.scenario.play import Play

MARKER = "kcsim-run.json"
FORMAT = "kcsim-recording/1"
TRACE = "trace.jsonl"
CLONES = "repositories"
"""Folder of a world's git repositories."""
NAMELESS = "world"
"""Folder of the world of a scenario without deliveries."""
ROW_FIELDS = {"actor": str, "verb": str, "object": str, "t": str, "detail": dict}


class RecordingError(Exception):
    """A folder that cannot be written to, or that holds no recording; `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def prepare(folder: Path) -> None:
    """Make sure that a recording can be written here, before anything is run.

    Raises:
        RecordingError: the folder holds something else, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_foreign = any(folder.iterdir()) and not (folder / MARKER).is_file()
    except OSError as error:
        raise RecordingError(
            f"{folder} cannot be used: {error.strerror or error}",
            "Name a folder that can be made and written to.",
        ) from None
    if is_foreign:
        raise RecordingError(
            f"{folder} holds files that kcsim did not write; nothing was touched",
            "Name a new or empty folder, or one that an earlier `kcsim run --out` made.",
        )


def write(
    folder: Path,
    twins: Twins,
    document: Mapping[str, Any],
    beside: Mapping[str, Iterator[str]] | None = None,
) -> list[Path]:
    """Write a recording; files of an earlier one in the same folder go away. Gives the files written.

    `document` is what `twins.result()` gave, or that with more in it; `beside` are further files, in parts.

    Raises:
        RecordingError: the folder is not ours, or a file cannot be written.
    """
    prepare(folder)
    files: dict[str, Iterator[str]] = {"result.json": _json(document), **(beside or {})}
    clones = {
        f"{name or NAMELESS}/{CLONES}/{repository.name}": repository
        for name, world in twins.worlds.items()
        for repository in world.world.git.repositories
    }
    for (name, world), part in zip(twins.worlds.items(), document["worlds"], strict=True):
        for file, text in _files_of(world, part).items():
            files[f"{name or NAMELESS}/{file}"] = text
    try:
        _remove_earlier(folder)
        # First of all the marker: a run that is cut off leaves a folder that the next one may clear.
        _write(
            folder / MARKER,
            _json(
                {
                    "format": FORMAT,
                    "kcsim": document["version"],
                    "files": sorted(files),
                    "repositories": sorted(clones),
                }
            ),
        )
        for name, text in files.items():
            _write(folder / name, text)
        for name, repository in clones.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            repository.write_to(str(folder / name))
    except OSError as error:
        message = f"{error.filename or folder} cannot be written: {error.strerror or error}"
        raise RecordingError(message, "Free the space or the rights, and run again.") from None
    return [folder / name for name in sorted(files)]


def _files_of(world: Play, result: Mapping[str, Any]) -> dict[str, Iterator[str]]:
    files = {
        "scenario.yaml": _scenario(world),
        TRACE: (f"{line}\n" for line in world.trace.lines()),
        "result.json": _json(result),
    }
    clusters = world.world.clusters
    for name, cluster in clusters.items():
        files["objects.yaml" if len(clusters) == 1 else f"objects-{name}.yaml"] = _objects(cluster.server)
    return files


def _scenario(world: Play) -> Iterator[str]:
    """The file, below the command that plays this very world again."""
    yield f"# {again(world)}\n"
    yield to_yaml(rooted(replace(world.scenario, seed=world.seed)))


def again(world: Play, file: str = "scenario.yaml") -> str:
    """The command that plays this very world again, from its recorded scenario."""
    words = [f"kcsim run {file}", *([f"--delivery {world.delivery}"] if world.delivery else [])]
    if world.end != to_seconds(world.scenario.until):
        words.append(f"--until {format_duration(seconds(world.end))}")
    return " ".join(words)


def rewrite(folder: Path, name: str, text: str) -> Path:
    """Write one file beside a recording again, and have the marker know it. Gives its path.

    Raises:
        RecordingError: the folder holds no recording, or cannot be written to.
    """
    marker = folder / MARKER
    path = folder / name
    try:
        known = json.loads(marker.read_text(encoding="utf-8"))
        known["files"] = sorted({*known["files"], name})
    except (OSError, ValueError, KeyError, TypeError):
        raise _no_world(folder, []) from None
    try:
        _write(path, iter([text]))
        _write(marker, _json(known))
    except OSError as error:
        message = f"{error.filename or path} cannot be written: {error.strerror or error}"
        raise RecordingError(message, "Free the space or the rights, and try again.") from None
    return path


def rooted(scenario: Scenario) -> Scenario:
    """The scenario with the folders it reads written from the root, so that its file may lie anywhere."""
    repositories = tuple(
        replace(
            repo,
            from_=str(resolve(scenario, repo.from_).absolute()) if repo.from_ is not None else None,
            clone=str(resolve(scenario, repo.clone).absolute()) if repo.clone is not None else None,
        )
        for repo in scenario.repositories
    )
    return replace(scenario, repositories=repositories)


def _objects(server: ApiServer) -> Iterator[str]:
    first = True
    for resource in server.catalog:
        for version in server.log.list(resource):
            yield "" if first else "---\n"
            yield dump(version.object)
            first = False


def _json(document: Mapping[str, Any]) -> Iterator[str]:
    yield json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _write(path: Path, parts: Iterator[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(parts)


def _remove_earlier(folder: Path) -> None:
    marker = folder / MARKER
    if not marker.is_file():
        return
    try:
        known = json.loads(marker.read_text(encoding="utf-8"))
        safe = [name for name in known["files"] if _is_inside(name)]
        clones = [name for name in known.get("repositories", ()) if _is_clone(folder, name)]
    except (ValueError, KeyError, TypeError, AttributeError):
        safe, clones = [], []  # cut off while it was written: then nothing else was
    for name in clones:
        shutil.rmtree(folder / name)
        if not any((folder / name).parent.iterdir()):
            (folder / name).parent.rmdir()
    for name in safe:
        (folder / name).unlink(missing_ok=True)
    for parent in sorted({(folder / name).parent for name in safe} - {folder}):
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def _is_inside(name: str) -> bool:
    """Whether a name of the marker is one that `write` could have put there."""
    parts = name.split("/")
    return len(parts) <= 2 and not any(part in {"", ".", ".."} or "\\" in part for part in parts)


def _is_clone(folder: Path, name: str) -> bool:
    """Whether a name of the marker is a repository that `write` could have put there, and is none of somebody else's."""
    parts = name.split("/")
    return (
        len(parts) == 3
        and parts[1] == CLONES
        and not any(part in {"", ".", ".."} or "\\" in part for part in parts)
        and not any((folder / "/".join(parts[:length])).is_symlink() for length in (1, 2, 3))
        and (folder / name / ".git").is_dir()
    )


# Reading.


def worlds_in(folder: Path) -> list[str]:
    """The worlds of a recording, by delivery; [] for a folder that holds none."""
    try:
        return sorted(path.parent.name for path in folder.glob(f"*/{TRACE}"))
    except OSError:
        return []


def read_trace(folder: Path) -> list[dict[str, Any]]:
    """The lines of a world's trace, each checked: what `kcsim.simulation.why` works on.

    `folder` is a world's folder, or a recording of a single world.

    Raises:
        RecordingError: there is none, or a line is damaged.
    """
    path = folder / TRACE
    if not path.is_file():
        worlds = worlds_in(folder)
        if len(worlds) != 1:
            raise _no_world(folder, worlds)
        path = folder / worlds[0] / TRACE
    try:
        with path.open("rb") as file:
            return [_row(line, number, path) for number, line in enumerate(file)]
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise RecordingError(message, "Give it back its rights.") from None


_AGAIN = "The trace is damaged: make the recording again with `kcsim run ... --out DIR`."


def _row(line: bytes, number: int, path: Path) -> dict[str, Any]:
    where = f"{path}:{number + 1}:1"
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise RecordingError(f"{where}: this is no JSON in UTF-8", _AGAIN) from None
    if not isinstance(row, dict) or row.get("seq") != number:
        raise RecordingError(f"{where}: this is not record {number} of a trace", _AGAIN)
    wrong = [name for name, kind in ROW_FIELDS.items() if not isinstance(row.get(name), kind)]
    cause = row.get("cause")
    if cause is not None and not (isinstance(cause, int) and 0 <= cause < number):
        wrong.append("cause")  # only what came before can be a cause
    if wrong or not _is_number(row["t"]):
        raise RecordingError(f"{where}: {', '.join(wrong) or 't'} is not what a trace holds there", _AGAIN)
    return row


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()


def _no_world(folder: Path, worlds: list[str]) -> RecordingError:
    if worlds:
        shown = ", ".join(f"{folder / world}" for world in worlds)
        return RecordingError(f"{folder} holds several worlds", f"Name one of them: {shown}.")
    what = "holds no recorded world" if folder.is_dir() else "does not exist"
    return RecordingError(
        f"{folder} {what}", "Make one: kcsim run SCENARIO --out DIR, then name DIR/<delivery>."
    )
