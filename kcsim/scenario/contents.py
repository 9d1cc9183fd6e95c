"""The files of each repository through the story, each line with its place in the scenario file or folder it came from.

`repository_files` gives the first commit's files to whoever runs the story; `Contents` follows them through the
timeline for the checks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from kcsim.scenario.diagnostics import Position, Report, did_you_mean
from kcsim.scenario.edits import committed, is_inside
from kcsim.scenario.model import Commit, Part, Repository, Revert, Scenario, TimelineEntry
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
class Contents:
    """One repository's files, now and through the story; `files` is None when they cannot be known (a clone)."""

    repository: Repository
    files: dict[str, Text] | None
    states: list[dict[str, Text]] = field(default_factory=list)
    """Every state there was, the first commit's first."""
    changes: list[Change] = field(default_factory=list)


def repository_files(scenario: Scenario, repository: Repository) -> dict[str, bytes]:
    """The files of a repository's first commit (`from` and `files`), sorted by path. Not for clones.

    Raises:
        OSError: when the folder cannot be read.
    """
    found: dict[str, bytes] = {}
    if repository.from_ is not None:
        folder = resolve(scenario, repository.from_)
        for path in _walk(folder):
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    found.update({path: text.encode() for path, text in repository.files.items()})
    return dict(sorted(found.items()))


def resolve(scenario: Scenario, path: str) -> Path:
    """A path written in a scenario file, which is relative to that file."""
    return Path(scenario.directory or ".") / Path(path).expanduser()


def first_contents(scenario: Scenario, report: Report) -> dict[str, Contents]:
    """Every repository's files at its first commit; faults of `from`, `clone` and paths go into the report."""
    return {repo.name: _first(scenario, repo, report) for repo in scenario.repositories}


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
            files[path] = Text(text, _written_place(repo, "files", path))
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
                files[name] = Text(data.decode(), _file_place(str(path)))
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
        import_repository(path, repo.path, repo.branch)
    except (UnusableRepository, ValueError) as error:
        code = "KC602" if "no commits" in str(error) else "KC601"
        report.add(code, at(repo, "clone"), str(error))


# The story.


def follow(contents: dict[str, Contents], scenario: Scenario, report: Report) -> None:
    """Carry every commit and revert of the timeline out on the contents; impossible ones go into the report."""
    for entry in scenario.timeline:
        action = entry.commit or entry.revert
        if action is None:
            continue
        repo = scenario.repository_named(action.repository)
        if repo is None or repo.name not in contents:
            continue  # the reference is reported where references are checked
        if isinstance(action, Commit):
            _commit(contents[repo.name], entry, action, report)
        else:
            _revert(contents[repo.name], entry, action, report)


def _commit(contents: Contents, entry: TimelineEntry, commit: Commit, report: Report) -> None:
    if contents.files is None:
        return
    before = dict(contents.files)
    after, faults = committed({path: file.text for path, file in before.items()}, commit)
    for fault in faults:
        report.add(fault.code, key_at(commit, *fault.path), fault.message, fault.remedy)
    for path, text in after.items():
        old = before.get(path)
        if old is None or old.text != text:
            contents.files[path] = Text(text, _commit_place(commit, path), not commit.broken_on_purpose)
    for path in before.keys() - after.keys():
        del contents.files[path]
    contents.changes.append(Change(entry, before, dict(contents.files)))
    contents.states.append(dict(contents.files))


def _commit_place(commit: Commit, path: str) -> Place:
    for section in ("files", "edit", "set"):
        if path in getattr(commit, section):
            if section == "files" and path not in commit.edit and path not in commit.set:
                return _written_place(commit, "files", path)
            return _fixed_place(key_at(commit, section, path))
    return _fixed_place(at(commit))


def _revert(contents: Contents, entry: TimelineEntry, revert: Revert, report: Report) -> None:
    if contents.files is None:
        return
    names = {change.entry.name: change for change in contents.changes if change.entry.name is not None}
    if revert.commit == "HEAD":
        undone = contents.changes[-1] if contents.changes else None
    else:
        undone = names.get(revert.commit)
    if undone is None:
        message = f"'{revert.commit[:80]}' is no earlier commit of repository '{contents.repository.name}'"
        report.add(
            "KC207", at(revert, "commit"), message, did_you_mean(revert.commit, [*names, "HEAD"], "commits")
        )
        return
    before = dict(contents.files)
    for path in sorted(undone.before.keys() | undone.after.keys()):
        old, new = undone.before.get(path), undone.after.get(path)
        if old == new:
            continue
        if old is None:
            contents.files.pop(path, None)
        else:
            contents.files[path] = old
    contents.changes.append(Change(entry, before, dict(contents.files)))
    contents.states.append(dict(contents.files))


# Places.


def at(part: Part, *path: str | int) -> Position:
    """Where the value at a path of a part stands; a part made in Python has no place of its own."""
    return part.source.at(*path) if part.source is not None else Position("(built in Python)")


def key_at(part: Part, *path: str | int) -> Position:
    """Where the key at a path of a part stands."""
    return part.source.key_at(*path) if part.source is not None else Position("(built in Python)")


def _written_place(part: Part, *path: str | int) -> Place:
    node: Tree | None = part.source
    for step in path:
        node = node.child(step) if node is not None else None
    if isinstance(node, Scalar):
        return node.inside
    return _fixed_place(at(part, *path))


def _fixed_place(position: Position) -> Place:
    return lambda _line, _column: position


def _file_place(file: str) -> Place:
    return lambda line, column: Position(file, line, column)


def is_below(path: str, folder: str) -> bool:
    """Whether a file of a repository is inside a folder of it, as `path:` of a delivery names it."""
    base = PurePosixPath(folder.removeprefix("./").strip("/") or ".")
    return base == PurePosixPath() or base in PurePosixPath(path).parents
