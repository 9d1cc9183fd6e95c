"""kubectl explain, version, config; and commands that are refused."""

from __future__ import annotations

import pytest

WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        description: A widget turns.
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, description: How large it is; this text is long enough to be broken into two lines.}
              colour: {type: string, enum: [red, green, blue, white, ""]}
              parts: {type: array, items: {type: object, properties: {id: {type: string}}}}
"""


def test_a_kind_is_its_fields(k):
    lines = k("explain deployment").splitlines()
    assert lines[:3] == ["GROUP:      apps", "KIND:       Deployment", "VERSION:    v1"]
    assert lines[4:9] == [
        "DESCRIPTION:",
        "    Keeps so many like pods running, and replaces them step by step when their",
        "    template changes. It works through ReplicaSets, one for each version of the",
        "    template.",
        "    ",
    ]
    fields = [line for line in lines if "\t" in line]
    assert fields == [
        "  apiVersion\t<string>",
        "  kind\t<string>",
        "  metadata\t<ObjectMeta>",
        "  spec\t<DeploymentSpec>",
        "  status\t<DeploymentStatus>",
    ]


FIELDS = [
    (
        "pod.spec.containers.resources",
        "FIELD: resources <ResourceRequirements>",
        "  limits\t<map[string]Quantity>",
    ),
    ("pods.spec.containers", "FIELD: containers <[]Container>", "  name\t<string> -required-"),
    (
        "deploy.spec.strategy.rollingUpdate",
        "FIELD: rollingUpdate <RollingUpdateDeployment>",
        "  maxSurge\t<IntOrString>",
    ),
    ("deployments.apps.spec", "FIELD: spec <DeploymentSpec>", "  replicas\t<integer>"),
    ("cm.data", "FIELD: data <map[string]string>", "DESCRIPTION:"),
    ("hpa.spec.metrics", "FIELD: metrics <[]MetricSpec>", "  type\t<string> -required-"),
    ("pod.metadata.creationTimestamp", "FIELD: creationTimestamp <string>", "DESCRIPTION:"),
]


@pytest.mark.parametrize(("path", "head", "line"), FIELDS, ids=[path for path, _, _ in FIELDS])
def test_a_path_leads_to_a_field(k, path, head, line):
    lines = k(f"explain {path}").splitlines()
    assert head in lines
    assert line in lines


def test_a_field_is_described_by_itself_and_by_its_type(k):
    assert k("explain deploy.spec.strategy") == (
        "GROUP:      apps\nKIND:       Deployment\nVERSION:    v1\n\nFIELD: strategy <DeploymentStrategy>\n\n\n"
        "DESCRIPTION:\n    How old pods give way to new ones.\n"
        "    How a Deployment gets from one version to the next.\n    \nFIELDS:\n"
        "  rollingUpdate\t<RollingUpdateDeployment>\n"
        "    Limits of a rolling update; only with type RollingUpdate.\n\n"
        "  type\t<string>\n  enum: Recreate, RollingUpdate\n"
        "    RollingUpdate (the default) lets versions overlap; Recreate ends all old\n"
        "    pods first, so nobody answers in between.\n\n\n"
    )


def test_values_and_what_is_not_modelled_are_told(k):
    lines = k("explain pod.spec.containers.imagePullPolicy").splitlines()
    assert lines[3:8] == [
        "FIELD: imagePullPolicy <string>",
        "ENUM:",
        "    Always",
        "    IfNotPresent",
        "    Never",
    ]
    said = " ".join(k("explain pod.spec.hostAliases").split())
    assert "kcsim does not model it: names are looked up without /etc/hosts." in said


def test_all_fields_at_once(k):
    text = k("explain deploy.spec.strategy --recursive")
    assert text.endswith(
        "FIELDS:\n  rollingUpdate\t<RollingUpdateDeployment>\n    maxSurge\t<IntOrString>\n"
        "    maxUnavailable\t<IntOrString>\n  type\t<string>\n  enum: Recreate, RollingUpdate\n\n"
    )
    assert len(k("explain crd --recursive").splitlines()) > 50, "a schema that contains itself has an end"


def test_custom_resources_are_described_by_their_definition(k):
    k("apply -f -", stdin=WIDGETS)
    assert k("explain widgets").startswith(
        "GROUP:      example.com\nKIND:       Widget\nVERSION:    v1\n\nDESCRIPTION:\n    A widget turns.\n    \nFIELDS:\n"
    )
    assert k("explain widget.spec") == (
        "GROUP:      example.com\nKIND:       Widget\nVERSION:    v1\n\nFIELD: spec <Object> -required-\n".replace(
            " -required-", ""
        )
        + "\n\nDESCRIPTION:\n    <empty>\nFIELDS:\n"
        "  colour\t<string>\n  enum: red, green, blue, white, ....\n    <no description>\n\n"
        "  parts\t<[]Object>\n    <no description>\n\n"
        "  size\t<integer> -required-\n"
        "    How large it is; this text is long enough to be broken into two lines.\n\n\n"
    )
    assert 'ENUM:\n    red\n    green\n    blue\n    white\n    ""\n' in k("explain widget.spec.colour")
    assert "FIELDS:\n  id\t<string>\n" in k("explain widgets.example.com.spec.parts")


def test_what_there_is_not_cannot_be_explained(k, sim):
    outcome = sim.kubectl("explain pod.spec.nope")
    assert (outcome.exit_code, outcome.stdout) == (1, "KIND:       Pod\nVERSION:    v1\n\n")
    assert outcome.stderr == 'error: field "nope" does not exist\n'
    assert k.fails("explain nope") == 'the server doesn\'t have a resource type "nope"\n'
    assert "We accept only this format" in k.fails("explain pods nodes")


def test_versions(k):
    client, kustomize, server = k("version").splitlines()
    assert client.startswith("Client Version: v1.36")
    assert kustomize.startswith("Kustomize Version: v5")
    assert server.startswith("Server Version: v1.36")
    assert "Server" not in k("version --client")
    assert '"serverVersion"' in k("version -o json")
    assert k.fails("version -o wide") == "error: --output must be 'yaml' or 'json'\n"


def test_the_configuration_can_be_read(k):
    assert k("config current-context") == "kubernetes-admin@kubernetes\n"
    assert k("config view").startswith("apiVersion: v1\nclusters:\n")
    assert k("config get-contexts -o name") == "kubernetes-admin@kubernetes\n"
    assert k("config get-users", as_="ann") == "NAME\nann\n"
    assert "there is no kubeconfig to change" in k.fails("config use-context x")


REFUSED = [
    ("exec nope -- true", 'Error from server (NotFound): pods "nope" not found\n'),
    ("exec deploy/web", "error: you must specify at least one command for the container\n"),
    ("cp a b", "error: one of src or dest must be a remote file specification\n"),
    ("cp a web:/b", 'Error from server (NotFound): pods "web" not found\n'),
    ("attach nope", 'Error from server (NotFound): pods "nope" not found\n'),
    (
        "port-forward deploy/web",
        (
            "error: TYPE/NAME and list of ports are required for port-forward\n"
            "See 'kubectl port-forward -h' for help and examples\n"
        ),
    ),
]


@pytest.mark.parametrize(("line", "text"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_is_refused_says_why(web, line, text):
    assert web.fails(line) == text


@pytest.mark.parametrize(
    "line",
    [
        "exec -it deploy/web -- sh",
        "port-forward deploy/web 80",
        "proxy",
        "kustomize .",
    ],
)
def test_every_refusal_names_the_command(web, line):
    assert f"kcsim does not model 'kubectl {line.split()[0]}'" in web.fails(line)


@pytest.mark.parametrize(
    ("field", "listed"),
    [
        ("pod.spec.volumes.hostPath.type", ['""', "BlockDevice", "CharDevice", "Directory"]),
        ("pod.spec.containers.volumeMounts.mountPropagation", ["Bidirectional", "HostToContainer", "None"]),
        ("pod.spec.containers.lifecycle.stopSignal", ["SIGABRT", "SIGALRM"]),
        ("pod.spec.tolerations.operator", ["Equal", "Exists", "Gt", "Lt"]),
        (
            "resourcequota.spec.scopeSelector.matchExpressions.operator",
            ["DoesNotExist", "Exists", "In", "NotIn"],
        ),
        ("mutatingwebhookconfiguration.webhooks.reinvocationPolicy", ["IfNeeded", "Never"]),
        ("hpa.spec.metrics.type", []),  # autoscaling/v2 names no values in its schema
    ],
)
def test_all_values_of_a_field_are_listed_where_its_schema_names_them(k, field, listed):
    lines = k(f"explain {field}").splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("FIELD: ")) + 1
    expected = ["ENUM:", *(f"    {value}" for value in listed)] if listed else [""]
    assert lines[start : start + len(expected)] == expected
