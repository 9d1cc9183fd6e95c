"""Loading a scenario: a path or a gallery name -> a checked `Scenario`, or every fault at once.

**Walk:** find the file -> read its text -> a tree with positions (yamltree) -> the model (bind) -> cross-checks (check).
"""

from dataclasses import dataclass
from pathlib import Path

from kcsim.scenario.bind import Binder
from kcsim.scenario.check import check
from kcsim.scenario.diagnostics import Diagnostic, Position, Report, ScenarioError, did_you_mean
from kcsim.scenario.model import API_VERSION, KIND, Scenario
from kcsim.scenario.settings import Changes
from kcsim.scenario.shapes import record_of
from kcsim.scenario.shipped import SUFFIXES, gallery, lesson_named, lessons
from kcsim.scenario.yamltree import TEXT_MAX, Mapping, Scalar, Tree, parse


@dataclass(frozen=True)
class Loaded:
    """The outcome of reading one file: the scenario unless it has errors, and every diagnostic, sorted by position."""

    scenario: Scenario | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What is told although the scenario runs."""
        return tuple(found for found in self.diagnostics if found.severity == "warning")


def load(path_or_name: str | Path) -> Scenario:
    """The scenario of a file or of the gallery.

    Raises:
        ScenarioError: with every fault, when it cannot be read or cannot be run.
    """
    loaded = examine(path_or_name)
    if loaded.scenario is None:
        raise ScenarioError(found for found in loaded.diagnostics if found.severity == "error")
    return loaded.scenario


def loads(text: str, file: str = "scenario.yaml") -> Scenario:
    """The scenario of a text; `file` is what positions show and what relative paths start from.

    Raises:
        ScenarioError: with every fault.
    """
    loaded = examine_text(text, file)
    if loaded.scenario is None:
        raise ScenarioError(found for found in loaded.diagnostics if found.severity == "error")
    return loaded.scenario


def examine(path_or_name: str | Path, changes: Changes | None = None) -> Loaded:
    """Read and check a file or gallery scenario, with changes made on the way in.

    Never raises for what is wrong with it.
    """
    report = Report()
    path = find(path_or_name, report)
    text = _read(path, report) if path is not None else None
    if path is None or text is None:
        return Loaded(None, report.diagnostics)
    return examine_text(text, str(path), changes)


def examine_text(text: str, file: str = "scenario.yaml", changes: Changes | None = None) -> Loaded:
    """Read and check a scenario's text; never raises for what is wrong with it."""
    report = Report()
    tree = parse(text, file, report)
    if tree is None and not report.errors:
        report.add("KC003", Position(file), "there is no scenario in this file")
    if tree is not None and changes is not None:
        tree = changes.made(tree, report)
    scenario = _bind(tree, report) if tree is not None else None
    if scenario is not None:
        check(scenario, report)
    return Loaded(None if report.errors else scenario, report.diagnostics)


def _bind(tree: Tree, report: Report) -> Scenario | None:
    if not _is_scenario(tree, report):
        return None
    scenario = Binder(report).record(tree, record_of(Scenario), KIND)
    assert scenario is None or isinstance(scenario, Scenario), "the record makes its own type"
    return scenario


def _is_scenario(tree: Tree, report: Report) -> bool:
    """Whether apiVersion and kind say so; if not, one fault says it all."""
    if not isinstance(tree, Mapping):
        report.add("KC009", tree.position, "the file holds no map of fields")
        return False
    for key, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
        value = tree.items.get(key)
        if value is None:
            report.add("KC009", tree.position, f"'{key}' is missing", f"Write {key}: {wanted}.")
            return False
        if not isinstance(value, Scalar) or value.text != wanted:
            report.add("KC009", value.position, f"'{key}' is not {wanted}", f"Write {key}: {wanted}.")
            return False
    return True


def _read(path: Path, report: Report) -> str | None:
    position = Position(str(path))
    try:
        if path.is_dir():
            report.add("KC001", position, "this is a folder", "Name a scenario file in it.")
            return None
        if path.stat().st_size > 4 * TEXT_MAX:
            report.add("KC005", position, f"{path.stat().st_size} bytes are too many")
            return None
        data = path.read_bytes()
    except OSError as error:
        report.add("KC001", position, f"the file cannot be read: {error.strerror or error}")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        place = Position(str(path), line, column)
        report.add("KC002", place, f"byte 0x{data[error.start]:02x} is not UTF-8")
        return None


# Finding it.


def find(path_or_name: str | Path, report: Report) -> Path | None:
    """The file meant: a path when it looks like one or exists, a gallery name otherwise."""
    text = str(path_or_name)
    if "\0" in text or not text:
        report.add("KC001", Position(text.replace("\0", "?") or "-"), "this is no path")
        return None
    path = Path(text)
    lesson = lesson_named(text) if isinstance(path_or_name, str) and not _is_file(path) else None
    if lesson is not None:
        return lesson
    if (
        isinstance(path_or_name, Path)
        or "/" in text
        or "\\" in text
        or path.suffix in SUFFIXES
        or _is_file(path)
    ):
        return path
    names = gallery()
    if text not in names:
        if _is_folder(path):  # which is then told to be one
            return path
        if text.isdecimal():
            report.add(
                "KC011", Position(text), f"there is no lesson {text[:80]}", f"lessons: {', '.join(lessons())}"
            )
        else:
            report.add(
                "KC011",
                Position(text),
                f"the gallery has no scenario '{text[:80]}'",
                did_you_mean(text, [*names, *lessons()], "gallery", names),
            )
    return names.get(text)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
