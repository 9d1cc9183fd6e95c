"""The files of each repository through the story, each line with its place in the scenario file or folder it came from.

`repository_files` gives the first commit's files to whoever runs the story; `Contents` follows them through the
timeline for the checks.
"""

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kcsim.scenario.diagnostics import Position, Report
from kcsim.scenario.edits import is_inside
from kcsim.scenario.model import (
    Delivery,
    FurtherPipeline,
    Part,
    Pipeline,
    Repository,
    Scenario,
    TimelineEntry,
    all_pipelines,
)
from kcsim.scenario.yamltree import Scalar, Tree

FILES_MAX = 5_000
BYTES_MAX = 20_000_000

Place = Callable[[int, int], Position]
"""(line, column) of a file's text, from 1 -> where that is written."""


@dataclass(frozen=True, slots=True)
class Text:
    """A file of a repository at a moment; `checked` is false for what is wrong on purpose."""

    text: str
    place: Place
    checked: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit of the story did to a repository: path -> text before and after."""

    entry: TimelineEntry
    before: dict[str, Text]
    after: dict[str, Text]


@dataclass(slots=True)
class Branch:
    """A branch beside the delivered one: its files, and those that it began with."""

    files: dict[str, Text]
    base: dict[str, Text]
    entry: TimelineEntry | None = None
    """What opened a merge request for it."""


@dataclass(slots=True)
class Contents:
    """One repository's files, now and through the story; `files` is None when they cannot be known (a clone)."""

    repository: Repository
    files: dict[str, Text] | None
    states: list[dict[str, Text]] = field(default_factory=list)
    """Every state there was, the first commit's first."""
    changes: list[Change] = field(default_factory=list)
    branches: dict[str, Branch] = field(default_factory=dict)
    """Other branches than the delivered one, by name."""
    otherwise: dict[str, Text] | None = None
    """The files if merge requests that are merged by themselves are not merged yet."""
    written_by_pipelines: bool = False
    """Steps of pipelines commit to it, too: what it holds later cannot be known."""
    is_built: bool = False
    """A further pipeline of a delivery begins with it."""


def repository_files(scenario: Scenario, repository: Repository) -> dict[str, bytes]:
    """The files of a repository's first commit (`from` and `files`), sorted by path. Not for clones.

    Raises:
        OSError: when the folder cannot be read.
    """
    found: dict[str, bytes] = {}
    if repository.from_ is not None:
        found.update(folder_files(resolve(scenario, repository.from_)))
    found.update({path: text.encode() for path, text in repository.files.items()})
    return dict(sorted(found.items()))


def folder_files(folder: Path) -> dict[str, bytes]:
    """The files of a folder by their paths in it.

    Raises:
        OSError: when it cannot be read.
    """
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in _walk(folder)}


def resolve(scenario: Scenario, path: str) -> Path:
    """A path written in a scenario file, which is relative to that file."""
    return Path(scenario.directory or ".") / Path(path).expanduser()


def first_contents(scenario: Scenario, report: Report) -> dict[str, Contents]:
    """Every repository's files at its first commit; faults of `from`, `clone` and paths go into the report."""
    found = {repo.name: _first(scenario, repo, report) for repo in scenario.repositories}
    for way in scenario.deliveries.values():
        for each in way.pipelines:
            repository = scenario.repository_named(each.repository or way.repository)
            if repository is not None:
                found[repository.name].is_built = True
        for pipeline in all_pipelines(way):
            for step in (step for job in pipeline.jobs.values() for step in job.steps):
                change = step.commit or step.merge_request
                written = home_of(scenario, way, pipeline, change.repository) if change is not None else None
                if written is not None:
                    found[written.name].written_by_pipelines = True
    return found


def home_of(
    scenario: Scenario, way: Delivery, pipeline: Pipeline, name: str | None = None
) -> Repository | None:
    """The repository of that name; without one, the pipeline's own."""
    if name is None and isinstance(pipeline, FurtherPipeline):
        name = pipeline.repository
    return scenario.repository_named(name or way.repository)


def _first(scenario: Scenario, repo: Repository, report: Report) -> Contents:
    if repo.clone is not None:
        _check_clone(scenario, repo, report)
        return Contents(repo, None)
    files = _from_folder(scenario, repo, report) if repo.from_ is not None else {}
    for path, text in repo.files.items():
        if not is_inside(path):
            remedy = "Write it relative to the repository's root, like deploy/web.yaml."
            report.add(
                "KC104",
                key_at(repo, "files", path),
                f"'{path[:80]}' is not a path inside the repository",
                remedy,
            )
        elif files is not None:
            files[path] = Text(text, written_place(repo, "files", path), not repo.broken_on_purpose)
    contents = Contents(repo, files)
    if files is not None:
        contents.states.append(dict(files))
    return contents


def _from_folder(scenario: Scenario, repo: Repository, report: Report) -> dict[str, Text] | None:
    assert repo.from_ is not None, "asked before"
    folder = resolve(scenario, repo.from_)
    where = at(repo, "from")
    files: dict[str, Text] = {}
    total = 0
    try:
        if not folder.is_dir():
            report.add("KC603", where, f"'{folder}' is not a folder")
            return None
        for path in _walk(folder):
            data = path.read_bytes()
            total += len(data)
            if len(files) >= FILES_MAX or total > BYTES_MAX:
                report.add(
                    "KC603", where, f"'{folder}' holds more than {FILES_MAX} files or {BYTES_MAX} bytes"
                )
                return None
            name = path.relative_to(folder).as_posix()
            try:
                files[name] = Text(data.decode(), _file_place(str(path)), not repo.broken_on_purpose)
            except UnicodeDecodeError:
                if path.suffix in {".yaml", ".yml"}:
                    report.add("KC002", Position(str(path)), "the manifest is not UTF-8")
    except (OSError, ValueError) as error:
        report.add("KC603", where, f"'{folder}' cannot be read: {error}")
        return None
    return files


def _walk(folder: Path) -> Iterator[Path]:
    """Files below a folder, sorted by path, without .git; links are not followed."""
    for path in sorted(folder.rglob("*")):
        if ".git" not in path.relative_to(folder).parts and path.is_file() and not path.is_symlink():
            yield path


def _check_clone(scenario: Scenario, repo: Repository, report: Report) -> None:
    from kcsim.delivery.git.history import UnusableRepository, import_repository

    assert repo.clone is not None, "asked before"
    path = str(resolve(scenario, repo.clone))
    try:
        import_repository(path, repo.path, repo.branch, base=repo.base, head=repo.head)
    except (UnusableRepository, ValueError) as error:
        code = "KC602" if "no commits" in str(error) else "KC601"
        report.add(code, at(repo, "clone"), str(error))


# Places.


def at(part: Part, *path: str | int) -> Position:
    """Where the value at a path of a part stands; a part made in Python has no place of its own."""
    return part.source.at(*path) if part.source is not None else Position("(built in Python)")


def key_at(part: Part, *path: str | int) -> Position:
    """Where the key at a path of a part stands."""
    return part.source.key_at(*path) if part.source is not None else Position("(built in Python)")


def written_place(part: Part, *path: str | int) -> Place:
    """Where the lines of a text stand that is the value at a path of a part."""
    node: Tree | None = part.source
    for step in path:
        node = node.child(step) if node is not None else None
    if isinstance(node, Scalar):
        return node.inside
    return fixed_place(at(part, *path))


def fixed_place(position: Position) -> Place:
    """The same place for every line: that of a text which stands nowhere as it is."""
    return lambda _line, _column: position


def _file_place(file: str) -> Place:
    return lambda line, column: Position(file, line, column)


def is_below(path: str, folder: str) -> bool:
    """Whether a file of a repository is inside a folder of it, as `path:` of a delivery names it."""
    base = posixpath.normpath(folder.removeprefix("./").strip("/") or ".")
    return base == "." or path.startswith(f"{base}/")
