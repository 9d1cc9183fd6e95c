"""kubectl apply: three ways to say what happened, and who owns what afterwards."""

from __future__ import annotations

import json

import pytest

from kcsim.kubectl.apply import LAST_APPLIED
from tests.unit.kubectl.conftest import WEB

CONF = """
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {a: "1", b: "2"}
"""


def test_a_file_is_created_then_unchanged_then_configured(k):
    assert k("apply -f -", stdin=CONF) == "configmap/conf created\n"
    assert k("apply -f -", stdin=CONF) == "configmap/conf unchanged\n"
    assert k("apply -f -", stdin=CONF.replace('"2"', '"3"')) == "configmap/conf configured\n"


def test_what_the_file_no_longer_says_is_removed_and_what_others_added_stays(k, sim):
    k("apply -f -", stdin=CONF)
    k('patch cm conf -p \'{"data":{"theirs":"x"}}\'')
    k("apply -f -", stdin=CONF.replace(', b: "2"', ""))
    assert sim.get("cm/conf")["data"] == {"a": "1", "theirs": "x"}


def test_drift_in_an_applied_field_is_put_right(k, sim):
    k("apply -f -", stdin=WEB)
    k("scale deploy/web --replicas 5")
    assert k("apply -f -", stdin=WEB) == "deployment.apps/web configured\n"
    assert sim.get("deployment/web")["spec"]["replicas"] == 2


def test_the_annotation_holds_the_file(k, sim):
    k("apply -f -", stdin=CONF)
    text = sim.get("cm/conf")["metadata"]["annotations"][LAST_APPLIED]
    assert text.endswith("\n")
    assert json.loads(text) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"annotations": {}, "name": "conf", "namespace": "default"},
        "data": {"a": "1", "b": "2"},
    }
    assert k("apply view-last-applied cm conf").startswith('apiVersion: v1\ndata:\n  a: "1"\n')


def test_an_object_made_otherwise_is_taken_over_with_a_warning(k, sim):
    k("create cm conf --from-literal a=1")
    outcome = sim.kubectl("apply -f -", stdin=CONF)
    assert outcome.stdout == "configmap/conf configured\n"
    assert outcome.stderr.startswith(
        f"Warning: resource configmaps/conf is missing the {LAST_APPLIED} annotation"
    )


def test_a_refusal_names_the_object_and_the_others_still_go_through(k, sim):
    k("apply -f -", stdin=WEB)
    changed = WEB.replace("matchLabels: {app: web}", "matchLabels: {app: other}").replace(
        "labels: {app: web}}\n    spec", "labels: {app: other}}\n    spec"
    )
    outcome = sim.kubectl("apply -f -", stdin=changed + "---" + CONF)
    assert outcome.exit_code == 1
    assert outcome.stdout == "configmap/conf created\n"
    assert outcome.stderr == (
        'The Deployment "web" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"other"}}: field is '
        "immutable\n"
    )


def test_an_unknown_field_is_refused_unless_validation_says_otherwise(k, sim):
    wrong = WEB.replace("replicas: 2", "replikas: 2")
    assert 'unknown field "spec.replikas"' in k.fails("apply -f -", stdin=wrong)
    outcome = sim.kubectl("apply --validate=warn -f -", stdin=wrong)
    assert outcome.text == 'deployment.apps/web created\nWarning: unknown field "spec.replikas"\n'


def test_a_dry_run_changes_nothing(k, sim):
    k("apply -f -", stdin=CONF)
    said = k("apply -f - --dry-run=server", stdin=CONF.replace('"1"', '"9"'))
    assert said == "configmap/conf configured (server dry run)\n"
    assert sim.get("cm/conf")["data"]["a"] == "1"


def test_prune_deletes_what_was_applied_before_and_is_not_now(k, sim):
    labelled = CONF.replace("name: conf", "name: {name}, labels: {{set: x}}")
    k("apply -f -", stdin=labelled.replace("{name}", "one").replace("{{", "{").replace("}}", "}"))
    sim.kubectl(
        "apply --prune -l set=x -f -",
        stdin=labelled.replace("{name}", "two").replace("{{", "{").replace("}}", "}"),
    )
    names = k("get cm -l set=x -o name").split()
    assert names == ["configmap/two"]


def test_server_side_apply_says_whose_field_it_would_take(k):
    replicas = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 7\n"
        "  selector: {matchLabels: {app: web}}\n"
        "  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: app, image: 'a:1'}]}\n"
    )
    assert k("apply --server-side -f -", stdin=replicas) == "deployment.apps/web serverside-applied\n"
    error = k.fails("apply --server-side --field-manager ci -f -", stdin=replicas.replace("7", "3"))
    first, second, *_ = error.splitlines()
    assert first == 'error: Apply failed with 1 conflict: conflict with "kubectl": .spec.replicas'
    assert second == "Please review the fields above--they currently have other managers. Here"
    taken = k(
        "apply --server-side --force-conflicts --field-manager ci -f -", stdin=replicas.replace("7", "3")
    )
    assert taken == "deployment.apps/web serverside-applied\n"


def test_a_path_without_files_is_an_error(k):
    assert k.fails("apply -f missing.yaml") == 'error: the path "missing.yaml" does not exist\n'
    assert k.fails("apply") == "error: must specify one of -f and -k\n"


def test_a_kind_nobody_serves_is_named_with_the_remedy(k):
    error = k.fails("apply -f -", stdin="apiVersion: x.example/v1\nkind: Widget\nmetadata: {name: w}\n")
    assert error.splitlines() == [
        (
            'error: resource mapping not found for name: "w" namespace: "" from "STDIN": '
            'no matches for kind "Widget" in version "x.example/v1"'
        ),
        "ensure CRDs are installed first",
    ]


def test_diff_shows_the_change_and_exits_with_one(k, sim):
    k("apply -f -", stdin=CONF)
    outcome = sim.kubectl("diff -f -", stdin=CONF.replace('"1"', '"9"'))
    assert outcome.exit_code == 1
    assert '-  a: "1"\n+  a: "9"\n' in outcome.stdout
    assert k("diff -f -", stdin=CONF) == ""


# --- prune ------------------------------------------------------------------------------------------------------

SET = "apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}, labels: {{set: x}}}}\n"


def test_only_the_kinds_of_an_allowlist_are_pruned(k):
    k("apply -f -", stdin=SET.format(kind="ConfigMap", name="old"))
    k("apply -f -", stdin=SET.format(kind="ServiceAccount", name="old"))
    said = k(
        "apply --prune --all --prune-allowlist=core/v1/ServiceAccount -f -",
        stdin=SET.format(kind="ConfigMap", name="new"),
    )
    assert said == "configmap/new created\nserviceaccount/old pruned\n"
    assert k("get cm old -o name") == "configmap/old\n"


def test_a_dry_run_prunes_nothing(k):
    k("apply -f -", stdin=SET.format(kind="ConfigMap", name="old"))
    said = k(
        "apply --prune --all --prune-allowlist=core/v1/ConfigMap --dry-run=server -f -",
        stdin=SET.format(kind="ConfigMap", name="new"),
    )
    assert said == "configmap/new created (server dry run)\nconfigmap/old pruned (server dry run)\n"
    assert k("get cm old -o name") == "configmap/old\n"


def test_only_what_the_selector_chooses_is_applied(k):
    assert k.fails("apply -l set=y -f -", stdin=SET.format(kind="ConfigMap", name="new")) == (
        "error: no objects passed to apply\n"
    )


PRUNE_REFUSED = [
    (
        "--prune",
        (
            "error: all resources selected for prune without explicitly passing --all. To prune all resources, pass the "
            "--all flag. If you did not mean to prune all resources, specify a label selector\n"
        ),
    ),
    ("--prune --all -l a=b", "error: cannot set --all and --selector at the same time\n"),
    (
        "--prune --all --prune-allowlist=foo",
        "error: invalid GroupVersionKind format: foo, please follow <group/version/kind>\n",
    ),
    ("--prune --all --prune-allowlist=core/v1/Foo", 'error: no matches for kind "Foo" in version "v1"\n'),
    (
        "--prune --applyset=x",
        (
            "error: kcsim does not model 'kubectl apply --applyset', which is alpha: use --prune with -l, --all or "
            "--prune-allowlist\n"
        ),
    ),
    ("--server-side --force", "error: --force cannot be used with --server-side\n"),
]


@pytest.mark.parametrize(("flags", "text"), PRUNE_REFUSED, ids=[flags for flags, _ in PRUNE_REFUSED])
def test_flags_of_prune_that_do_not_go_together_stop_everything(k, flags, text):
    assert k.fails(f"apply {flags} -f -", stdin=SET.format(kind="ConfigMap", name="new")) == text
    assert k("get cm new --ignore-not-found") == ""


# --- diff -------------------------------------------------------------------------------------------------------

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\ndata: {a: YQ==, b: Yg==, {more}}\n"


def test_diff_exits_with_two_when_it_fails(sim):
    for line, text in (
        ("diff", "error: must specify one of -f and -k\n"),
        ("diff -f nope.yaml", 'error: the path "nope.yaml" does not exist\n'),
        ("diff --prune -f -", "error: kcsim does not model 'kubectl diff --prune'\n"),
    ):
        outcome = sim.kubectl(line)
        assert (outcome.exit_code, outcome.stderr) == (2, text)
    refused = sim.kubectl("diff -f -", stdin=CONF.replace("name: conf", "name: Conf"))
    assert refused.exit_code == 2
    assert "Invalid" in refused.stderr or "is invalid" in refused.stderr


def test_diff_does_not_show_what_secrets_hold(k, sim):
    k("apply --server-side -f -", stdin=SECRET.replace("{more}", "c: Yw=="))
    outcome = sim.kubectl("diff --server-side -f -", stdin=SECRET.replace("{more}", "c: Wg==, d: ZA=="))
    assert outcome.exit_code == 1
    changed = [line.strip() for line in outcome.stdout.splitlines() if "***" in line]
    assert changed == ["a: '***'", "b: '***'", "-  c: '*** (before)'", "+  c: '*** (after)'", "+  d: '***'"]
    assert "Wg==" not in outcome.stdout


DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.shop.example}
spec:
  group: shop.example
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget}
  versions:
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
"""
WIDGET = "apiVersion: shop.example/v1\nkind: Widget\nmetadata: {name: one}\n"
UNKNOWN = (
    'resource mapping not found for name: "one" namespace: "" from "STDIN": no matches for kind "Widget" in version '
    '"shop.example/v1"\nensure CRDs are installed first\n'
)
MADE = "customresourcedefinition.apiextensions.k8s.io/widgets.shop.example created\n"


class TestADefinitionAndItsObject:
    """Apply looks all kinds up before it begins; create looks each up when its turn comes."""

    def test_the_first_apply_brings_the_definition_and_the_second_the_object(self, sim):
        both = f"{DEFINITION}---\n{WIDGET}"
        first = sim.kubectl("apply -f -", stdin=both)
        assert (first.exit_code, first.stdout, first.stderr) == (1, MADE, f"error: {UNKNOWN}")
        second = sim.kubectl("apply -f -", stdin=both)
        assert second.exit_code == 0
        assert second.stdout.endswith("widget.shop.example/one created\n")

    def test_create_brings_both(self, sim):
        outcome = sim.kubectl("create -f -", stdin=f"{DEFINITION}---\n{WIDGET}")
        assert (outcome.exit_code, outcome.stdout) == (0, f"{MADE}widget.shop.example/one created\n")

    def test_several_errors_are_told_without_the_word(self, sim):
        outcome = sim.kubectl("apply -f -", stdin=f"{WIDGET}---\n{DEFINITION}---\n{WIDGET}")
        assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (1, MADE, UNKNOWN * 2)

    def test_what_else_is_in_the_file_is_deleted(self, sim):
        sim.kubectl("create cm one")
        text = f"{WIDGET}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: one}}\n"
        outcome = sim.kubectl("delete -f -", stdin=text)
        assert (outcome.exit_code, outcome.stdout) == (1, 'configmap "one" deleted\n')
        assert outcome.stderr == f"error: {UNKNOWN}"

    def test_nothing_is_pruned_after_an_error(self, sim):
        sim.kubectl(
            "apply -f -", stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: old, labels: {a: b}}\n"
        )
        outcome = sim.kubectl(
            "apply -f - --prune -l a=b", stdin=WIDGET.replace("name: one", "name: one, labels: {a: b}")
        )
        assert outcome.exit_code == 1
        assert sim.get("cm/old")
