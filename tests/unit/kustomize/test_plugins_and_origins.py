"""Generators in files of their own, field specs out of schemas, and what a build tells of where objects came from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kcsim.delivery.kustomize.build import build
from kcsim.delivery.kustomize.errors import KustomizeError

K = "kustomization.yaml"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: front}\n"
ORIGIN = "config.kubernetes.io/origin"
CHANGES = "alpha.config.kubernetes.io/transformations"


def run(files: dict[str, str], root: str = ".") -> list[dict[str, Any]]:
    return build({path: text.encode() for path, text in files.items()}, root)


def annotations(obj: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = obj["metadata"].get("annotations", {})
    return found


def test_generators_make_config_maps_secrets_and_accounts() -> None:
    config = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: plan, namespace: shop}\nliterals: [day=1]\n"
    account = (
        "apiVersion: builtin\nkind: IAMPolicyGenerator\nmetadata: {name: unused}\ncloud: gke\n"
        "kubernetesService: {name: till, namespace: shop}\nserviceAccount: {name: cloud, projectId: acme}\n"
    )
    secret = "  apiVersion: builtin\n  kind: SecretGenerator\n  metadata: {name: key}\n  literals: [k=v]\n"
    made = run(
        {
            K: f"generators:\n- plan.yaml\n- |\n{secret}- accounts\nnamePrefix: a-\n",
            "plan.yaml": config,
            "accounts/kustomization.yaml": "resources: [one.yaml]\n",
            "accounts/one.yaml": account,
        }
    )
    assert [
        (o["kind"], o["metadata"]["name"].rpartition("-")[0], o["metadata"].get("namespace")) for o in made
    ] == [
        ("ConfigMap", "a-plan", "shop"),
        ("Secret", "a-key", None),
        ("ServiceAccount", "a", "shop"),
    ]
    assert annotations(made[2]) == {"iam.gke.io/gcp-service-account": "cloud@acme.iam.gserviceaccount.com"}


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        (
            "apiVersion: me/v1\nkind: Maker\nmetadata: {name: x}\n",
            "only builtin generators are modelled here",
        ),
        (
            "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\n",
            "not HelmChartInflation",
        ),
        (
            "apiVersion: builtin\nkind: IAMPolicyGenerator\nmetadata: {name: x}\ncloud: moon\n",
            "cloud provider moon",
        ),
    ],
)
def test_other_generators_are_refused_by_name(generator: str, message: str) -> None:
    with pytest.raises(KustomizeError, match=message):
        run({K: "generators: [g.yaml]\n", "g.yaml": generator})


def test_schemas_say_which_fields_hold_names_labels_and_annotations() -> None:
    schema = {
        "example.com/pkg/v1.Robot": {
            "Schema": {
                "properties": {
                    "apiVersion": {},
                    "kind": {},
                    "metadata": {},
                    "spec": {"$ref": "example.com/pkg/v1.RobotSpec"},
                }
            }
        },
        "example.com/pkg/v1.RobotSpec": {
            "Schema": {
                "properties": {
                    "key": {
                        "x-kubernetes-object-ref-api-version": "v1",
                        "x-kubernetes-object-ref-kind": "Secret",
                        "x-kubernetes-object-ref-name-key": "called",
                    },
                    "notes": {"x-kubernetes-annotation": ""},
                    "follows": {"x-kubernetes-label-selector": ""},
                    "id": {"x-kubernetes-identity": ""},
                    "again": {"$ref": "example.com/pkg/v1.RobotSpec"},
                }
            }
        },
    }
    robot = (
        "apiVersion: example.com/v1\nkind: Robot\nmetadata: {name: r}\n"
        "spec: {key: {called: s}, notes: {}, follows: {}, id: r2}\n"
    )
    top = "crds: [schema.json]\nresources: [all.yaml]\nnamePrefix: a-\ncommonLabels: {l: '1'}\ncommonAnnotations: {told: '2'}\n"
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
    found = run({K: top, "schema.json": json.dumps(schema), "all.yaml": robot + secret})
    assert found[0]["spec"] == {
        "key": {"called": "a-s"},
        "notes": {"told": "2"},
        "follows": {"l": "1"},
        "id": "a-r2",
    }


def test_origins_are_told_from_the_directory_that_is_built() -> None:
    files = {
        "base/kustomization.yaml": "resources: [s.yaml]\nconfigMapGenerator: [{name: c, literals: [a=1]}]\n",
        "base/s.yaml": SERVICE,
        "prod/kustomization.yaml": (
            "resources: [../base]\nbuildMetadata: [originAnnotations]\n"
            "configMapGenerator: [{name: c, behavior: merge, literals: [b=2]}, {name: d}]\n"
        ),
    }
    service, merged, made = run(files, "prod")
    assert annotations(service) == {ORIGIN: "path: ../base/s.yaml\n"}
    by = "configuredBy:\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n"
    assert annotations(merged) == {ORIGIN: f"configuredIn: ../base/kustomization.yaml\n{by}"}
    assert annotations(made) == {ORIGIN: f"configuredIn: kustomization.yaml\n{by}"}


def test_transformations_are_told_in_order_with_the_name_of_their_configuration() -> None:
    inline = "  apiVersion: builtin\n  kind: NamespaceTransformer\n  metadata: {name: t, namespace: x}\n"
    top = f"resources: [base]\nnameSuffix: -z\ntransformers:\n- |\n{inline}buildMetadata: [transformerAnnotations]\n"
    base = "resources: [s.yaml]\nlabels: [{pairs: {a: b}}]\n"
    [service] = run({K: top, "base/kustomization.yaml": base, "base/s.yaml": SERVICE})
    assert service["metadata"]["name"] == "front-z"
    label = "- configuredIn: base/kustomization.yaml\n  configuredBy:\n    apiVersion: builtin\n    kind: LabelTransformer\n"
    # One for the entry, and one for commonLabels, which upstream runs whenever there are labels.
    assert annotations(service) == {
        CHANGES: f"{label}{label}- configuredIn: kustomization.yaml\n  configuredBy:\n    apiVersion: builtin\n"
        "    kind: SuffixTransformer\n"
        "- configuredIn: kustomization.yaml\n  configuredBy:\n    apiVersion: builtin\n"
        "    kind: NamespaceTransformer\n    name: t\n    namespace: x\n"
    }


def test_objects_can_be_labelled_with_who_built_them() -> None:
    [service] = run({K: "resources: [s.yaml]\nbuildMetadata: [managedByLabel]\n", "s.yaml": SERVICE})
    assert service["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "kustomize-(devel)"}
    assert not annotations(service)


def test_annotations_leave_a_build_as_texts() -> None:
    odd = (
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n  annotations: {a: 8080, b: true, c: x, d: }\n"
    )
    [service] = run({K: "resources: [s.yaml]\n", "s.yaml": odd})
    assert annotations(service) == {"a": "8080", "b": "true", "c": "x", "d": ""}


def test_the_case_of_field_names_does_not_matter() -> None:
    [service] = run({K: "Resources: [s.yaml]\nnameprefix: a-\n", "s.yaml": SERVICE})
    assert service["metadata"]["name"] == "a-front"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {
                K: "resources: [b.yaml]\n",
                "b.yaml": "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b}\n"
                "subjects: [{kind: ServiceAccount, name: a, namespace: }]\n",
            },
            "b.yaml: Invalid Input: namespace is blank for resource",
        ),
        (
            {
                K: "resources: [s.yaml]\npatchesStrategicMerge: [p.yaml]\n",
                "s.yaml": SERVICE,
                "p.yaml": "# none\n",
            },
            "p.yaml: patch appears to be empty",
        ),
    ],
)
def test_empty_places_are_errors(files: dict[str, str], message: str) -> None:
    with pytest.raises(KustomizeError) as caught:
        run(files)
    assert message in str(caught.value)


def test_vars_reach_volumes_where_the_table_upstream_has_them() -> None:
    volumes = "volumes: [{name: v, nfs: {server: $(HOST)}}]"
    cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {jobTemplate: {spec: {template: {%s}}}}\n"
    files = {
        K: "resources: [s.yaml, c.yaml]\nvars: [{name: HOST, objref: {apiVersion: v1, kind: Service, name: front}}]\n",
        "s.yaml": SERVICE,
        "c.yaml": cron % volumes,
    }
    template = run(files)[1]["spec"]["jobTemplate"]["spec"]["template"]
    assert template["volumes"][0]["nfs"]["server"] == "front"


def replaced(text: str, path: str) -> str:
    files = {
        K: (
            "resources: [c.yaml]\nreplacements:\n- sourceValue: new\n  targets:\n"
            f"  - {{select: {{kind: ConfigMap}}, fieldPaths: ['data.t.{path}']}}\n"
        ),
        "c.yaml": json.dumps(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"t": text}}
        ),
    }
    value: str = run(files)[0]["data"]["t"]
    return value


def test_a_text_keeps_its_quotes_flows_and_numbers_where_a_part_is_replaced() -> None:
    before = "a: 'x'\nb: {c: \"x\", d: 1.10}\ne:\n  - 0x10\n  - [ 'y' ]\nf: |\n  more\n  lines\n"
    after = "a: 'x'\nb: {c: \"new\", d: 1.10}\ne:\n- 0x10\n- ['y']\nf: |\n  more\n  lines"
    assert replaced(before, "b.c") == after


def test_a_place_that_a_text_does_not_have_is_an_error() -> None:
    with pytest.raises(KustomizeError, match="index 3 specified but only 1 elements found"):
        replaced("a:\n- b: 1\n", "a.3.b")
