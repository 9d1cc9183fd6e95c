"""Command lines that kubectl 1.33 refuses, and in which words."""

from __future__ import annotations

import pytest

_TAINT = "\nSee 'kubectl taint -h' for help and examples"
_NAME = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
REFUSED = [
    (
        "delete pod p --force --grace-period 5",
        "--force and --grace-period greater than 0 cannot be specified together",
    ),
    (
        "delete deploy web --cascade=x",
        'invalid cascade value (x). Must be "background", "foreground", or "orphan"',
    ),
    ("delete --all", "at least one resource must be specified to use a selector"),
    ("delete pods --all -l a=b", "setting 'all' parameter but found a non empty selector. "),
    ("taint", "one or more resources must be specified as <resource> <name>"),
    ("taint pods p a=b:NoSchedule", "invalid resource type pods, only node types are supported"),
    ("taint nodes node-1 a", "at least one taint update is required"),
    ("taint nodes node-1 a=b", f"invalid taint spec: a=b, {_NAME}{_TAINT}"),
    ("taint nodes node-1 a=b:x:y", f"invalid taint spec: a=b:x:y{_TAINT}"),
    ("taint nodes node-1 a:Bad", f"invalid taint effect: Bad, unsupported taint effect{_TAINT}"),
    (
        "taint nodes node-1 a=b:NoSchedule a=c:NoSchedule",
        f"duplicated taints with the same key and effect: {{a c NoSchedule <nil>}}{_TAINT}",
    ),
    (
        "taint nodes node-1 a=b:NoSchedule a:NoSchedule-",
        "can not both modify and remove the following taint(s) in the same command: a=NoSchedule",
    ),
    (
        "drain node-1 -l a=b",
        "cannot specify both a node name and a --selector option\nSee 'kubectl drain -h' for help and examples",
    ),
    (
        "auth can-i get pods web",
        (
            "you must specify two arguments: verb resource or verb resource/resourceName.\n"
            "See 'kubectl auth can-i -h' for help and examples."
        ),
    ),
    ("auth x", "unknown command \"x\"\nSee 'kubectl auth -h' for help and examples"),
    ("api-resources --sort-by x", "--sort-by accepts only name or kind"),
    ("api-versions x", "unexpected arguments: [x]\nSee 'kubectl api-versions -h' for help and examples"),
    ("events --types=x", "valid --types are Normal or Warning"),
    (
        "autoscale deploy web --min 3 --max 2",
        "--max=MAXPODS must be larger or equal to --min=MINPODS, max: 2, min: 3",
    ),
    (
        "autoscale svc web --max 2",
        (
            "cannot autoscale a Service: could not find scale subresource for /v1, Resource=services in discovery "
            "information"
        ),
    ),
    ("expose svc web --port x --name y", 'strconv.Atoi: parsing "x": invalid syntax'),
    ("rollout x deploy", "unknown command \"x deploy\"\nSee 'kubectl rollout -h' for help and examples"),
    ("wait deploy/web --for=jsonpath=", "jsonpath expression cannot be empty"),
    ("wait deploy/web --for=delete --timeout 0", "condition not met for deployments/web"),
]


@pytest.fixture
def world(web):
    web("expose deploy web --port 80")
    return web


@pytest.mark.parametrize(("line", "said"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_is_refused(world, line, said):
    assert world.fails(line) == f"error: {said}\n"


def test_several_failures_are_no_errors_by_name(world):
    assert world.fails("wait deploy/web svc/web --for=condition=No --timeout 1s") == (
        "timed out waiting for the condition on deployments/web\n"
        "timed out waiting for the condition on services/web\n"
    )


def test_a_deletion_that_takes_long_is_given_up(world, sim):
    world("""patch svc web --type merge -p '{"metadata":{"finalizers":["a.example/b"]}}'""")
    outcome = sim.kubectl("delete svc web --timeout 2s")
    assert outcome.text == (
        'service "web" deleted\nerror: timed out waiting for the condition on services/web\n'
    )


def test_old_words_for_cascading_are_taken_with_a_warning(world, sim):
    outcome = sim.kubectl("delete svc web --cascade=false")
    assert outcome.stderr == (
        "warning: --cascade=false is deprecated (boolean value) and can be replaced with --cascade=orphan.\n"
    )


def test_a_second_restart_in_one_second_is_none(world):
    world("rollout restart deploy/web")
    assert world.fails("rollout restart deploy/web").startswith(
        "error: failed to create patch for web: if restart"
    )


def test_unknown_nodes_end_a_command_before_it_begins(world):
    assert world.fails("cordon node-1 nope") == 'Error from server (NotFound): nodes "nope" not found\n'
    assert world("get node node-1 -o jsonpath={.spec.unschedulable}") == ""


def test_what_one_may_do_is_told_with_what_is_odd(world, sim):
    assert sim.kubectl("auth can-i bogus pods").stderr == "Warning: verb 'bogus' is not a known verb\n\n"
    assert (
        sim.kubectl("auth can-i get nodes").stderr == "Warning: resource 'nodes' is not namespace scoped\n\n"
    )
    assert world("auth can-i * *") == "yes\n"
