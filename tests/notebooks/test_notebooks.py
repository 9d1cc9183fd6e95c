"""The notebooks run from top to bottom, are stored without output, and their script says the same as they do."""

from __future__ import annotations

from pathlib import Path

import pytest

from kcsim.scenario.play import read_scenario

nbformat = pytest.importorskip("nbformat", reason="needs the notebook extra")
jupytext = pytest.importorskip("jupytext", reason="needs the notebook extra")
nbclient = pytest.importorskip("nbclient", reason="needs the notebook extra")

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def sources(notebook: object) -> list[tuple[str, str]]:
    return [(cell["cell_type"], cell["source"]) for cell in notebook["cells"]]


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebook:
    def test_is_stored_without_output(self, path: Path) -> None:
        cells = nbformat.read(path, as_version=4)["cells"]
        assert [c["source"] for c in cells if c.get("outputs") or c.get("execution_count")] == []

    def test_says_the_same_as_its_script(self, path: Path) -> None:
        script = path.with_suffix(".py")
        assert sources(nbformat.read(path, as_version=4)) == sources(jupytext.read(script))

    def test_runs_twice_from_top_to_bottom_to_the_same_output(self, path: Path) -> None:
        """In one kernel: whoever runs all cells again sees the same again."""
        notebook = nbformat.read(path, as_version=4)
        client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(FOLDER)}})
        with client.setup_kernel():
            first, second = (executed(client, notebook) for _ in range(2))
        assert first == second
        assert any("image/svg+xml" in str(out) or "<svg" in str(out) for out in first)
        assert "Traceback" not in str(first)


def executed(client: object, notebook: object) -> list[object]:
    """Every output; what was printed is one text a cell, in however many pieces it came."""
    found: list[object] = []
    for place, cell in enumerate(notebook["cells"]):
        outputs = client.execute_cell(cell, place).get("outputs", [])
        found.append("".join(out["text"] for out in outputs if out["output_type"] == "stream"))
        found.extend(shown(out["data"]) for out in outputs if "data" in out)
        assert not [out for out in outputs if out["output_type"] == "error"]
    return found


def shown(data: dict[str, object]) -> dict[str, object]:
    """What an output shows; the name of a widget in its kernel is not of interest."""
    return {kind: value for kind, value in data.items() if kind != "application/vnd.jupyter.widget-view+json"}


def test_the_stories_beside_them_are_whole() -> None:
    stories = sorted((FOLDER / "stories").glob("*.yaml"))
    assert stories
    for story in stories:
        assert read_scenario(story).deliveries
