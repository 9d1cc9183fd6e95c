"""The gallery: the scenarios that ship with kcsim. Only names and files; whoever wants to know more reads them."""

from importlib import resources
from pathlib import Path

SUFFIXES = (".yaml", ".yml")
LESSONS = "lessons"
"""The folder of the lessons, below the gallery."""


def gallery_directory() -> Path | None:
    """Where the shipped scenarios are: beside the package in a checkout, inside it when installed."""
    checkout = Path(__file__).parents[2] / "scenarios"
    if (checkout.parent / "pyproject.toml").is_file() and checkout.is_dir():
        return checkout
    installed = Path(str(resources.files("kcsim") / "_gallery"))
    return installed if installed.is_dir() else None


def gallery() -> dict[str, Path]:
    """Shipped scenarios but for the lessons: name -> file, sorted by name."""
    return _files(gallery_directory())


def lessons() -> dict[str, Path]:
    """Shipped lessons: name -> file, in the order in which they are meant to be taken; ``04-hand-edit``."""
    directory = gallery_directory()
    return _files(None if directory is None else directory / LESSONS)


def lesson_named(text: str) -> Path | None:
    """The file of a lesson by its name (``04-hand-edit``), its number (``4``), or both parted (``lessons/04-hand-edit``)."""
    found = lessons()
    word = text.removeprefix(f"{LESSONS}/")
    if word in found:
        return found[word]
    named = {name.partition("-")[2]: path for name, path in found.items()}
    numbered = {name.partition("-")[0].lstrip("0"): path for name, path in found.items()}
    return named.get(word) or (numbered.get(word.lstrip("0")) if word.isdigit() else None)


def of_code(text: str) -> tuple[str, int | None]:
    """A lesson and the seed of its challenge, as people share them: ``16-challenge:9``; no seed for anything else."""
    word, colon, seed = text.rpartition(":")
    if colon and seed.isdecimal() and lesson_named(word) is not None:
        return word, int(seed)
    return text, None


def _files(directory: Path | None) -> dict[str, Path]:
    if directory is None or not directory.is_dir():
        return {}
    return {path.stem: path for path in sorted(directory.iterdir()) if path.suffix in SUFFIXES}
