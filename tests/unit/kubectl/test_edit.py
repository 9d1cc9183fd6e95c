"""kubectl edit: what the editor changed is sent as a patch, and nothing else is."""

from __future__ import annotations

import json

import pytest

from kcsim import Simulation


@pytest.fixture
def sim() -> Simulation:
    made = Simulation(nodes=1, seed=1, checking=True)
    made.kubectl("create deployment web --image=web:1 --replicas=2")
    made.run_until("30s")
    return made


def test_an_edit_is_a_patch_of_what_was_changed(sim: Simulation) -> None:
    opened: list[str] = []

    def editor(text: str) -> str:
        opened.append(text)
        return text.replace("replicas: 2", "replicas: 3", 1).replace("image: web:1", "image: web:2")

    outcome = sim.kubectl("edit deployment/web", editor=editor)
    assert (outcome.exit_code, outcome.stdout) == (0, "deployment.apps/web edited\n")
    assert opened[0].startswith("# Please edit the object below.")
    assert "managedFields" not in opened[0]
    deployment = sim.get("deployment/web")
    assert deployment["spec"]["replicas"] == 3
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"
    shown = sim.kubectl("get deployment/web -o json --show-managed-fields").stdout
    managers = {e["manager"]: e for e in json.loads(shown)["metadata"]["managedFields"]}
    assert managers["kubectl-edit"]["operation"] == "Update"
    assert set(managers["kubectl-edit"]["fieldsV1"]["f:spec"]) == {"f:replicas", "f:template"}


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("replicas: 2", "replicas: 2", 0, "Edit cancelled, no changes made."),
        (
            "name: web\n  namespace",
            "name: other\n  namespace",
            1,
            "At least one of apiVersion, kind and name was changed",
        ),
        ("replicas: 2", "replicas: -2", 1, "must be greater than or equal to 0"),
        ("replicas: 2", "replicas: [", 1, "syntax error"),
    ],
    ids=["nothing", "identity", "invalid", "syntax"],
)
def test_an_edit_that_changes_nothing(sim: Simulation, old: str, new: str, code: int, says: str) -> None:
    before = sim.get("deployment/web")
    assert old in sim.kubectl("get deployment/web -o yaml").stdout
    outcome = sim.kubectl("edit deployment/web", editor=lambda text: text.replace(old, new, 1))
    assert outcome.exit_code == code
    assert says in outcome.stderr
    assert sim.get("deployment/web") is before


def test_an_emptied_file_cancels(sim: Simulation) -> None:
    assert "saved file was empty" in sim.kubectl("edit deployment/web", editor=lambda _text: "").stderr


def test_without_an_editor_another_way_is_named(sim: Simulation) -> None:
    outcome = sim.kubectl("edit deployment/web")
    assert outcome.exit_code == 1
    assert "kubectl patch" in outcome.stderr
