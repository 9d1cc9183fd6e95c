"""kubectl get --watch and -o go-template: rows as virtual time passes, and objects through templates."""

from __future__ import annotations

import json

import pytest

from kcsim.engine.clock import SECOND
from kcsim.engine.task import Task
from kcsim.kubectl.command import kubectl


@pytest.fixture
def later(sim):
    """Type something else while the command under test looks on."""

    def type_later(seconds, line):
        client = sim.cluster().admin
        sim.engine.after(seconds * SECOND, lambda: Task(kubectl(client, line)))

    return type_later


def test_a_row_comes_with_each_change_and_columns_only_grow_wider(web, later):
    later(10, "scale deploy web --replicas=3")
    header, *rows = web("get pods -w --request-timeout=20s").splitlines()
    assert header.split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    told = [row.split()[1:3] for row in rows]
    assert told[:2] == [["1/1", "Running"]] * 2
    assert told[2:] == [
        ["0/1", "Pending"],
        ["0/1", "Pending"],
        ["0/1", "ContainerCreating"],
        ["1/1", "Running"],
    ]
    assert rows[3].index("Pending") + len("Pending   ") == rows[3].index(" 0 ") + 1
    assert rows[5].index("Running") + len("ContainerCreating   ") == rows[5].index(" 0 ") + 1


def test_the_stated_end_is_kept(web, sim):
    before = sim.now
    web("get deploy -w --request-timeout=90s")
    assert sim.now == before + 90


def test_without_an_end_it_goes_when_nothing_changes_and_says_so(web, sim):
    before = sim.now
    outcome = sim.kubectl("get cm -w")
    assert outcome.exit_code == 0
    assert outcome.stderr == (
        "kcsim: the watch ends, nothing changed for 6m of virtual time (--request-timeout states another end)\n"
    )
    assert sim.now == before + 360


def test_it_ends_after_an_hour_though_something_changes_all_the_time(sim, later):
    for minute in range(0, 120, 5):
        later(60 * minute + 1, f"create cm c{minute}")
    outcome = sim.kubectl("get cm -w --no-headers")
    assert "after 1h of virtual time" in outcome.stderr
    names = {line.split()[0] for line in outcome.stdout.splitlines()}
    assert names == {f"c{minute}" for minute in range(0, 60, 5)} | {"kube-root-ca.crt"}


def test_only_the_changes_and_what_they_are(sim, later):
    sim.run("1s")  # by then the namespace holds its root certificate
    sim.kubectl("create cm here")
    later(1, "create cm conf --from-literal=a=b")
    later(2, "label cm conf x=y")
    later(3, "delete cm conf")
    outcome = sim.kubectl("get cm --watch-only --output-watch-events -L x --request-timeout=10s")
    assert outcome.stdout == (
        "EVENT      NAME   DATA   AGE   X\n"
        "ADDED      conf   1      0s    \n"
        "MODIFIED   conf   1      1s    y\n"
        "DELETED    conf   1      2s    y\n"
    )


def test_an_object_that_no_longer_matches_is_told_as_deleted(sim, later):
    sim.kubectl("create cm conf")
    sim.kubectl("label cm conf x=y")
    later(1, "label cm conf x=z --overwrite")
    outcome = sim.kubectl(
        "get cm -l x=y --watch-only --output-watch-events --no-headers --request-timeout=10s"
    )
    assert [line.split()[:2] for line in outcome.stdout.splitlines()] == [["DELETED", "conf"]]


FORMS = [
    ("-o name", "configmap/conf\nconfigmap/conf\n"),
    ("-o jsonpath={.metadata.labels}", '{"x":"y"}'),
    ("-o custom-columns=N:.metadata.name,X:.metadata.labels.x", "N      X\nconf   <none>\nconf   y\n"),
    ("-o go-template={{.metadata.labels.x}}|", "<no value>|y|"),
]


@pytest.mark.parametrize(("form", "text"), FORMS, ids=[form for form, _ in FORMS])
def test_one_object_in_other_forms(k, later, form, text):
    k("create cm conf")
    later(1, "label cm conf x=y")
    assert k(f"get cm conf -w {form} --request-timeout=5s") == text


def test_yaml_documents_are_kept_apart_and_json_may_carry_the_event(k, later):
    k("create cm conf")
    later(1, "label cm conf x=y")
    first, second = k("get cm conf -w -o yaml --request-timeout=5s").split("---\n")
    assert "labels" not in first
    assert 'x: "y"' in second
    later(1, "label cm conf x-")
    text = k("get cm conf --watch-only -o json --output-watch-events --request-timeout=5s")
    assert json.loads(text)["type"] == "MODIFIED"
    assert "managedFields" not in text


REFUSED = [
    ("get pods,deploy -w", "error: you may only specify a single resource type\n"),
    (
        "get deploy/web svc/kubernetes -w",
        (
            "error: watch is only supported on individual resources and resource collections - "
            "more than 1 resource was found\n"
        ),
    ),
    ("get cm nope -w", 'Error from server (NotFound): configmaps "nope" not found\n'),
    ("get --raw /api x", "error: arguments may not be passed when --raw is specified\n"),
    (
        "get --raw version",
        'error: --raw must be a valid URL path: parse "version": invalid URI for request\n',
    ),
]


@pytest.mark.parametrize(("line", "text"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_cannot_be_watched_or_read_raw(k, line, text):
    assert k.fails(line) == text


def test_what_is_sorted_is_not_watched_in_order(sim):
    outcome = sim.kubectl("get cm -w --sort-by=.metadata.name --request-timeout=1s")
    assert outcome.stderr == "warning: --watch requested, --sort-by will be ignored\n"


# --- go templates -----------------------------------------------------------------------------------------------

TEMPLATES = [
    ("{{.kind}} {{.nope}} {{.nope.deeper}}", "ConfigMap <no value> <no value>"),
    ('{{exists . "data" "a"}} {{index .data "a" | printf "%q %v" .kind}}', 'true "ConfigMap" Yg=='),
    ("{{base64decode .data.a}}{{range $k, $v := .data}}[{{$k}}]{{end}}", "b[a]"),
    ('{{if eq .metadata.name "conf"}}yes{{else}}no{{end}}', "yes"),
]


@pytest.mark.parametrize(("template", "text"), TEMPLATES, ids=[template for template, _ in TEMPLATES])
def test_objects_through_go_templates(k, template, text):
    k("create cm conf --from-literal=a=Yg==")
    assert k(["get", "cm", "conf", "-o", f"go-template={template}"]) == text
    assert k(["get", "cm", "conf", f"--template={template}"]) == text


def test_a_template_may_come_from_a_file(sim):
    sim.kubectl("create cm conf")
    for form in ("go-template-file", "templatefile"):
        assert sim.kubectl(f"get cm conf -o {form}=-", stdin="{{.kind}}").stdout == "ConfigMap"
    assert sim.kubectl("get cm conf -o jsonpath-file=-", stdin="{.kind}").stdout == "ConfigMap"
    columns = "NAME KIND\n.metadata.name .kind\n"
    assert sim.kubectl("get cm conf -o custom-columns-file=-", stdin=columns).stdout.endswith(
        "conf   ConfigMap\n"
    )


BROKEN = [
    ("-o go-template", "error: template format specified but no template given\n"),
    (
        "-o go-template={{.data",
        "error: error parsing template {{.data, template: output:1: unclosed action\n",
    ),
    (
        "-o go-template={{nope}}",
        'error: error parsing template {{nope}}, template: output:1: function "nope" not defined\n',
    ),
    (
        "-o jsonpath-file=/nope",
        "error: error reading --template /nope, open /nope: no such file or directory\n",
    ),
]


@pytest.mark.parametrize(("form", "text"), BROKEN, ids=[form for form, _ in BROKEN])
def test_templates_that_cannot_be_read(k, form, text):
    k("create cm conf")
    assert k.fails(f"get cm conf {form}") == text


def test_missing_keys_may_be_errors(k):
    k("create cm conf")
    said = k.fails(
        ["get", "cm", "conf", "-o", "go-template={{.nope}}", "--allow-missing-template-keys=false"]
    )
    assert 'map has no entry for key "nope"' in said
