"""kubectl edit: what the editor changed is sent as a patch, and nothing else is."""

from __future__ import annotations

import json

import pytest

from kcsim import Simulation

CONF = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: x<y}\n"


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
        ("replicas: 2", "replicas: [", 1, "The edited file failed validation"),
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
    outcome = sim.kubectl("edit deployment/web", editor=lambda _text: "")
    assert outcome.stderr.endswith("error: Edit cancelled, no valid changes were saved.\n")
    outcome = sim.kubectl("edit deployment/web --validate=false", editor=lambda _text: "")
    assert (outcome.exit_code, outcome.stderr) == (0, "Edit cancelled, saved file was empty.\n")


def test_what_is_invalid_is_opened_again_with_the_reasons(sim: Simulation) -> None:
    opened: list[str] = []

    outcome = sim.kubectl("edit deployment/web --output-patch", editor=lambda text: _mend(opened, text))
    assert outcome.stderr == 'error: deployments.apps "web" is invalid\n'
    assert outcome.stdout == (
        'Patch: {"spec":{"replicas":-2}}\nPatch: {"spec":{"replicas":5}}\ndeployment.apps/web edited\n'
    )
    assert (
        "# reopened with the relevant failures.\n#\n"
        '# deployments.apps "web" was not valid:\n'
        "# * spec.replicas: Invalid value: -2: must be greater than or equal to 0\n#\napiVersion: apps/v1\n"
    ) in opened[1]


def _mend(opened: list[str], text: str) -> str:
    """Write a number that is none at first, and a good one when asked again."""
    opened.append(text)
    old, new = ("2", "-2") if len(opened) == 1 else ("-2", "5")
    return text.replace(f"\n  replicas: {old}", f"\n  replicas: {new}", 1)


def test_objects_of_a_kind_are_edited_in_one_text(sim: Simulation) -> None:
    opened: list[str] = []
    sim.kubectl("create deployment api --image=api:1")
    outcome = sim.kubectl(
        "edit deployments", editor=lambda text: opened.append(text) or text.replace("web:1", "web:2")
    )
    assert "kind: List\nmetadata: {}\n" in opened[0]
    assert outcome.stdout == "deployment.apps/api skipped\ndeployment.apps/web edited\n"
    assert sim.get("deployment/web")["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"


def test_the_text_is_json_when_asked_and_the_object_is_printed_so(sim: Simulation) -> None:
    outcome = sim.kubectl(
        "edit deployment/web -o json --save-config",
        editor=lambda text: text.replace('"replicas": 2', '"replicas": 3', 1),
    )
    shown = json.loads(outcome.stdout)
    assert shown["spec"]["replicas"] == 3
    assert "kubectl.kubernetes.io/last-applied-configuration" in shown["metadata"]["annotations"]


def test_the_status_is_edited_as_a_subresource_and_no_other_is(sim: Simulation) -> None:
    line = "edit deployment/web --subresource=status"
    before = sim.get("deployment/web")
    assert (
        sim.kubectl(line, editor=lambda text: text.replace("\n  replicas: 2", "\n  replicas: 3")).exit_code
        == 0
    )
    after = sim.get("deployment/web")
    assert (after["spec"], after["status"]["replicas"]) == (before["spec"], 3)
    refused = sim.kubectl("edit deployment/web --subresource=scale", editor=str)
    assert refused.stderr == 'error: invalid subresource value: "scale". Must be one of [status]\n'


def test_several_that_are_not_there_are_told_and_nothing_opens(sim: Simulation) -> None:
    outcome = sim.kubectl("edit deployment web nope", editor=lambda _text: "never")
    assert outcome.stderr == 'Error from server (NotFound): deployments.apps "nope" not found\n'


def test_create_edits_before_it_creates(sim: Simulation) -> None:
    outcome = sim.kubectl("create -f - --edit", stdin=CONF, editor=lambda text: text.replace("x<y", "z"))
    assert (outcome.exit_code, outcome.stdout) == (0, "configmap/c created\n")
    assert sim.get("configmap/c")["data"] == {"a": "z"}
    unchanged = sim.kubectl("create -f - --edit", stdin=CONF, editor=lambda text: text)
    assert (unchanged.exit_code, unchanged.stderr) == (0, "Edit cancelled, no changes made.\n")


def test_what_was_applied_last_is_edited(sim: Simulation) -> None:
    opened: list[str] = []
    sim.kubectl("apply -f -", stdin=CONF)
    outcome = sim.kubectl(
        "apply edit-last-applied cm/c", editor=lambda text: opened.append(text) or text.replace("x<y", "b")
    )
    assert (outcome.exit_code, outcome.stdout) == (0, "configmap/c edited\n")
    assert opened[0].startswith("# Please edit the 'last-applied-configuration' annotations below.\n")
    assert "creationTimestamp" not in opened[0]
    changed = sim.get("configmap/c")
    assert changed["data"] == {"a": "x<y"}
    note = json.loads(changed["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"])
    assert note["data"] == {"a": "b"}
    unchanged = sim.kubectl("apply edit-last-applied cm/c", editor=lambda text: text)
    assert unchanged.stderr == "Edit cancelled, no changes made.\n"


def test_without_an_annotation_there_is_nothing_to_edit(sim: Simulation) -> None:
    outcome = sim.kubectl("apply edit-last-applied deployment/web", editor=lambda text: text)
    assert outcome.stderr.startswith(
        "error: no last-applied-configuration annotation found on resources, to create the annotation, use command"
    )
    by_file = sim.kubectl("create -f -", stdin=CONF) and sim.kubectl(
        "apply view-last-applied -f -", stdin=CONF
    )
    assert by_file.stderr == (
        'error: error when no last-applied-configuration annotation found on resource: c\n "STDIN": <nil>\n'
    )


def test_the_annotation_escapes_what_html_would_read(sim: Simulation) -> None:
    """encoding/json: what is noted is compared byte for byte by set-last-applied."""
    sim.kubectl("apply -f -", stdin=CONF)
    text = sim.get("configmap/c")["metadata"]["annotations"][
        "kubectl.kubernetes.io/last-applied-configuration"
    ]
    assert '"a":"x\\u003cy"' in text


def test_without_an_editor_another_way_is_named(sim: Simulation) -> None:
    outcome = sim.kubectl("edit deployment/web")
    assert outcome.exit_code == 1
    assert "kubectl patch" in outcome.stderr
