"""The gallery: the scenarios that ship with kcsim. Only names and files; whoever wants to know more reads them."""

from importlib import resources
from pathlib import Path

SUFFIXES = (".yaml", ".yml")


def gallery_directory() -> Path | None:
    """Where the shipped scenarios are: beside the package in a checkout, inside it when installed."""
    checkout = Path(__file__).parents[2] / "scenarios"
    if (checkout.parent / "pyproject.toml").is_file() and checkout.is_dir():
        return checkout
    installed = Path(str(resources.files("kcsim") / "_gallery"))
    return installed if installed.is_dir() else None


def gallery() -> dict[str, Path]:
    """Shipped scenarios: name -> file, sorted by name."""
    directory = gallery_directory()
    if directory is None:
        return {}
    return {path.stem: path for path in sorted(directory.iterdir()) if path.suffix in SUFFIXES}
