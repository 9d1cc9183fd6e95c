"""kubectl set, label, annotate, scale and patch --local: what kubectl 1.33 prints for the same objects."""

from __future__ import annotations

import pytest

UPDATED = [
    ("set image deploy/web app=x:2", "deployment.apps/web image updated\n"),
    ("set image deploy/web *=x:2", "deployment.apps/web image updated\n"),
    ("set env deploy/web A=1 -c app", "deployment.apps/web env updated\n"),
    ("set env deploy/web -e A=1", "deployment.apps/web env updated\n"),
    ("set env deploy/web GONE-", ""),
    ("set env deploy/web", ""),
    ("set resources deploy/web -c app --limits cpu=1", "deployment.apps/web resource requirements updated\n"),
    ("set sa deploy/web bot", "deployment.apps/web serviceaccount updated\n"),
    ("set selector svc web a=b,c=d", "service/web selector updated\n"),
    (
        "set subject rolebinding b --user v --serviceaccount default:s",
        "rolebinding.rbac.authorization.k8s.io/b subjects updated\n",
    ),
    ("set subject rolebinding b --user u", ""),
    ("label deploy web app=web --list", "app=web\n"),
    ("scale deploy web --replicas 1 --timeout 30s", "deployment.apps/web scaled\n"),
    ("scale deploy web --replicas 3 -o jsonpath={.kind}{.spec.replicas}", "Deployment3"),
]

REFUSED = [
    ("set nope x", "unknown command \"nope x\"\nSee 'kubectl set -h' for help and examples"),
    ("set image deploy/web", "at least one image update is required"),
    ("set image deploy/web *=a app=b", "all containers are already specified by *, but saw more than one container_name=container_image pairs"),
    ("set image svc/web a=b", "services/web the object is not a pod or does not have a pod template: *v1.Service"),
    ("set env deploy/web A=1 A-", "can not both modify and remove the same environment variable in the same command"),
    (
        "set env deploy/web 'a b=1'",
        (
            '"a b" is not a valid key name: a valid environment variable name must consist of alphabetic characters, '
            "digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or "
            "'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')"
        ),
    ),
    ("set env A=1 deploy/web", "all resources must be specified before environment changes: deploy/web"),
    ("set resources deploy/web -c no --limits cpu=1", "unable to find container named no"),
    ("set resources deploy/web --limits cpu", "Invalid argument syntax cpu, expected <resource>=<value>"),
    ("set selector svc web 'a in (b)'", "match expression [{a In [b]}] not supported on this object"),
    ("set selector deploy/web a=b", "setting a selector is only supported for Services"),
    ("set subject rolebinding b", "you must specify at least one value of user, group or serviceaccount"),
    ("set subject rolebinding b --serviceaccount s", "serviceaccount must be <namespace>:<name>"),
    ("set subject deploy web --user u", "deployments/web setting subjects is only supported for RoleBinding/ClusterRoleBinding"),
    ("label deploy web a=b=c", "invalid label spec: a=b=c"),
    ("label deploy web -l a=b a=b", "name cannot be provided when a selector is specified"),
    ("annotate deploy web a=b a-", "can not both modify and remove the following annotation(s) in the same command: a"),
    ("scale deploy -l a=none --replicas 1", "no objects passed to scale"),
]  # fmt: skip
CONF = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: '1'}}"


@pytest.fixture
def world(web):
    web("expose deploy web --port 80")
    web("create rolebinding b --clusterrole view --user u")
    return web


@pytest.mark.parametrize(("line", "said"), UPDATED, ids=[line for line, _ in UPDATED])
def test_what_changes_is_told(world, line, said):
    assert world(line) == said


@pytest.mark.parametrize(("line", "said"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_is_refused(world, line, said):
    assert world.fails(line) == f"error: {said}\n"


def test_variables_keep_their_places_and_new_ones_come_last(world):
    world("set env deploy/web B=1 C=2")
    world("set env deploy/web A=0 B=3")
    assert world("set env deploy/web --list") == "# Deployment web, container app\nB=3\nC=2\nA=0\n"
    world.fails("set env deploy/web A=9 --overwrite=false")
    assert "A=0" in world("set env deploy/web --list")


def test_variables_from_a_config_map(world, sim):
    world("create cm c --from-literal some.key=1 --from-literal B=2")
    outcome = sim.kubectl("set env deploy/web --from cm/c --prefix P_")
    assert outcome.text == "deployment.apps/web env updated\nWarning: key some.key transferred to SOME_KEY\n"
    assert world("set env deploy/web --list").splitlines()[1:] == [
        "# P_B from configmap c, key B",
        "# P_SOME_KEY from configmap c, key some.key",
    ]


def test_a_dry_run_of_the_client_prints_what_would_be(world):
    shown = world("set image deploy/web app=y:9 --dry-run=client -o yaml")
    assert "image: y:9" in shown
    assert "      creationTimestamp: null\n" in shown
    assert "y:9" not in world("get deploy web -o yaml")


@pytest.mark.parametrize(
    "line",
    [
        "label -f - x=yes --local",
        "annotate -f - x=yes --local",
        'patch -f - --type merge -p {"data":{"b":"2"}} --local',
    ],
)
def test_local_asks_no_server(k, line):
    k("create cm c --from-literal a=5")
    shown = k([*line.split(), "-o", "yaml"], stdin=CONF)
    assert "uid" not in shown
    assert "namespace" not in shown
    assert ('x: "yes"' in shown) or ('b: "2"' in shown)
    assert k("get cm c -o jsonpath={.data}{.metadata.labels}{.metadata.annotations}") == '{"a":"5"}'


def test_preconditions_of_scale_and_label(world):
    version = world("get deploy web -o jsonpath={.metadata.resourceVersion}")
    said = world.fails("scale deploy web --replicas 5 --resource-version 1")
    assert said == f"error: Expected resource version to be 1, was {version}\n"
    assert "(Conflict)" in world.fails("label deploy web q=r --resource-version 1")
    assert world(f"label deploy web q=r --resource-version {version}") == "deployment.apps/web labeled\n"
