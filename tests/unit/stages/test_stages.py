"""KWOK's Stages: what they are read as, which one is entered, and a cluster that lives by them."""

from __future__ import annotations

import pytest

from kcsim.api.gotemplate import Template, TemplateError
from kcsim.cluster.stages.functions import FUNCTIONS
from kcsim.cluster.stages.lifecycle import choose, delay_of, finalizer_operations
from kcsim.cluster.stages.query import Query, QuerySyntaxError
from kcsim.cluster.stages.reading import StageError, read
from kcsim.cluster.stages.stage import FinalizersStep
from kcsim.engine.clock import SECOND
from kcsim.simulation.simulation import Simulation

POD = {
    "metadata": {"name": "web", "labels": {"app": "web"}, "annotations": {"delay": "2s"}},
    "spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]},
    "status": {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}]},
}


class TestQueries:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            (".metadata.name", ["web"]),
            ('.metadata.labels["app"]', ["web"]),
            (".metadata.deletionTimestamp", []),
            ('.status.conditions.[] | select( .type == "Ready" ) | .status', ["False"]),
            (".spec.containers[].name", ["a", "b"]),
            (".spec.containers | length", [2]),
            (".spec.containers[1].image", ["b:1"]),
            (".metadata.name.x", None),
            (".metadata.name.x?", []),
            (".status.missing[]", None),
            ('.status.phase == "Pending" and (.spec.nodeName | not)', [True]),
            ('.metadata.labels.tier // "none"', ["none"]),
            ('[.spec.containers[] | select(.name != "a")] | length', [1]),
            ('.metadata | has("labels")', [True]),
            ("1 + 2 * 3", [7]),
            ('.metadata.name | test("^w")', [True]),
        ],
    )
    def test_results(self, text: str, found: list | None) -> None:
        assert Query(text).execute(POD) == found

    @pytest.mark.parametrize("text", ["", ".a |", "reduce .[] as $x (0; . + $x)", ".a[1:2]", "nonsense(.a)"])
    def test_what_is_not_covered_is_refused(self, text: str) -> None:
        with pytest.raises(QuerySyntaxError):
            Query(text)


class TestTemplates:
    @pytest.mark.parametrize(
        ("text", "result"),
        [
            ("a {{ .metadata.name }} b", "a web b"),
            ("{{ .missing }}|{{ .missing.below }}", "<no value>|<no value>"),
            ("x {{- 1 -}} y", "x1y"),
            ("{{/* nothing */}}{{ `raw` | Quote }}", '"raw"'),
            ('{{ if eq .status.phase "Pending" "Failed" }}yes{{ else }}no{{ end }}', "yes"),
            ("{{ if .missing }}1{{ else if .status }}2{{ else }}3{{ end }}", "2"),
            ("{{ range $i, $c := .spec.containers }}{{ $i }}{{ $c.name }}{{ end }}", "0a1b"),
            ("{{ range .spec.containers }}{{ .name }}{{ break }}{{ end }}", "a"),
            ("{{ range .missing }}x{{ else }}none{{ end }}", "none"),
            ("{{ with .metadata.labels }}{{ .app }}{{ end }}", "web"),
            ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
            ("{{ range .spec.containers }}{{ $.metadata.name }}{{ end }}", "webweb"),
            ("{{ (index .spec.containers 1).name }}", "b"),
            ('{{ or .missing dict | len }}{{ printf "%s-%03d" "a" 7 }}', "0a-007"),
            ('{{ default "d" .missing | quote }} {{ upper .metadata.name }}', '"d" WEB'),
            ("{{ YAML .metadata.labels 1 }}", "\n  app: web\n  "),
            ('{{ and .status (not .missing) | Quote }}{{ add 1 2 3 }}{{ ternary "y" "n" true }}', '"true"6y'),
        ],
    )
    def test_results(self, text: str, result: str) -> None:
        assert Template(text, FUNCTIONS).render(POD) == result

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("a\n{{ randAlpha 5 }}", 'line 2: function "randAlpha" not defined'),
            ("{{ $y }}", "line 1: undefined variable '$y'"),
            ("{{ if .a }}", "line 1: unexpected EOF: if has no end"),
            ("{{ end }}", "line 1: unexpected {{end}}"),
            ('{{ template "x" }}', "line 1: template: named templates are not supported here"),
            ("{{ .a", "line 1: unclosed action"),
        ],
    )
    def test_faults_are_found_when_it_is_read(self, text: str, why: str) -> None:
        with pytest.raises(TemplateError) as caught:
            Template(text, FUNCTIONS)
        assert str(caught.value) == why

    def test_faults_of_a_run_say_the_line(self) -> None:
        with pytest.raises(TemplateError, match="line 2: error calling index"):
            Template("\n{{ index .spec.containers 7 }}", FUNCTIONS).render(POD)


def stage(name: str, more: str, kind: str = "Pod") -> str:
    return f"""\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {{name: {name}}}
spec:
  resourceRef: {{apiGroup: v1, kind: {kind}}}
{more}
"""


class TestReading:
    def test_everything_wrong_is_said_with_its_place(self) -> None:
        text = stage(
            "odd",
            """\
  selector:
    matchExpressions:
    - {key: '.a |', operator: Exists}
    - {key: '.a', operator: Is}
    - cel: {expression: "true"}
  colour: red
  next:
    statusTemplate: |
      a: {{ Foo }}
""",
        )
        with pytest.raises(StageError) as caught:
            read(text, "odd.yaml")
        places = [(p.line, p.message.split(":")[0]) for p in caught.value.problems]
        assert [line for line, _ in places] == [11, 8, 9, 10, 13]
        assert 'function "Foo" not defined' in str(caught.value)
        assert str(caught.value).startswith("odd.yaml:11:")

    def test_other_kinds_are_no_stages(self) -> None:
        with pytest.raises(StageError, match="Pod is no Stage"):
            read("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", "pod.yaml")

    def test_a_stage_without_a_selector_matches_nothing(self) -> None:
        assert read(stage("none", "  next: {delete: true}"), "f") == ()


class TestChoice:
    def stages(self) -> tuple:
        weighted = """\
  selector:
    matchLabels: {{app: web}}
  weight: {weight}
  weightFrom: {{expressionFrom: '.metadata.annotations["{name}"]'}}
  next: {{delete: true}}
"""
        return tuple(
            read(stage(name, weighted.format(name=name, weight=weight)), "f")[0]
            for name, weight in (("heavy", 3), ("light", 1), ("never", 0))
        )

    @pytest.mark.parametrize(("draw", "name"), [(0, "heavy"), (2, "heavy"), (3, "light")])
    def test_by_weight(self, draw: int, name: str) -> None:
        chosen = choose(self.stages(), POD, lambda n: draw if n == 4 else -1)
        assert chosen is not None
        assert chosen.name == name

    def test_objects_may_say_the_weight(self) -> None:
        pod = {
            **POD,
            "metadata": {**POD["metadata"], "annotations": {"heavy": "0", "light": "0", "never": "2"}},
        }
        chosen = choose(self.stages(), pod, lambda n: n - 1)
        assert chosen is not None
        assert chosen.name == "never"

    def test_nothing_matches(self) -> None:
        assert choose(self.stages(), {"metadata": {"name": "x"}}, lambda _n: 0) is None

    @pytest.mark.parametrize(
        ("delay", "seconds"),
        [
            ("{durationMilliseconds: 1000}", 1),
            ("{durationMilliseconds: 1000, jitterDurationMilliseconds: 5000}", 3),
            ("{durationMilliseconds: 3000, jitterDurationMilliseconds: 1000}", 1),
            ("{durationMilliseconds: 1, durationFrom: {expressionFrom: .metadata.annotations.delay}}", 2),
            ("{durationMilliseconds: 1000, durationFrom: {jq: {expression: .metadata.annotations.none}}}", 1),
            ("{jitterDurationFrom: {expressionFrom: .metadata.annotations.delay}}", 1),
        ],
    )
    def test_delay(self, delay: str, seconds: int) -> None:
        (only,) = read(stage("s", f"  selector: {{}}\n  delay: {delay}\n  next: {{delete: true}}"), "f")
        assert delay_of(only, POD, 0, lambda n: n // 2) == seconds * SECOND

    @pytest.mark.parametrize(
        ("present", "step", "operations"),
        [
            ([], FinalizersStep(add=("a",)), [("add", "/metadata/finalizers")]),
            (["x"], FinalizersStep(add=("a", "x")), [("add", "/metadata/finalizers/-")]),
            (["x", "y"], FinalizersStep(remove=("y",)), [("remove", "/metadata/finalizers/1")]),
            (["x"], FinalizersStep(remove=("x",)), [("remove", "/metadata/finalizers")]),
            (
                ["x"],
                FinalizersStep(empty=True, add=("a",)),
                [("remove", "/metadata/finalizers"), ("add", "/metadata/finalizers")],
            ),
            ([], FinalizersStep(empty=True), []),
        ],
    )
    def test_finalizers(self, present: list, step: FinalizersStep, operations: list) -> None:
        assert [(o["op"], o["path"]) for o in finalizer_operations(present, step)] == operations


NODE = """\
apiVersion: v1
kind: Node
metadata: {name: fake-1}
"""
NODE_READY = stage(
    "node-ready",
    """\
  selector:
    matchExpressions:
    - {key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: NotIn, values: ["True"]}
  next:
    statusTemplate: |
      {{ $now := Now }}
      conditions:
      {{ range NodeConditions }}
      - lastHeartbeatTime: {{ $now | Quote }}
        lastTransitionTime: {{ $now | Quote }}
        message: {{ .message | Quote }}
        reason: {{ .reason | Quote }}
        status: {{ .status | Quote }}
        type: {{ .type | Quote }}
      {{ end }}
      allocatable: {cpu: "8", memory: 8Gi, pods: "110"}
      capacity: {cpu: "8", memory: 8Gi, pods: "110"}
""",
    "Node",
)
POD_READY = stage(
    "pod-ready",
    """\
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
    - {key: .status.podIP, operator: DoesNotExist}
  delay: {durationMilliseconds: 1000, jitterDurationMilliseconds: 3000}
  next:
    event: {type: Normal, reason: Created, message: Created container}
    finalizers: {add: [{value: fake.example/hold}]}
    statusTemplate: |
      conditions:
      - {type: Ready, status: "True", lastTransitionTime: {{ Now | Quote }}}
      containerStatuses:
      {{ range .spec.containers }}
      - image: {{ .image | Quote }}
        name: {{ .name | Quote }}
        ready: true
        restartCount: 0
        state: {running: {startedAt: {{ Now | Quote }}}}
      {{ end }}
      hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
      podIP: {{ PodIPWith .spec.nodeName false "" "" "" | Quote }}
      phase: Running
      startTime: {{ Now | Quote }}
""",
)
POD_GONE = stage(
    "pod-gone",
    """\
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: Exists}
  next:
    finalizers: {empty: true}
    delete: true
""",
)
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: web:1}]}
"""


class TestCluster:
    def world(self) -> Simulation:
        sim = Simulation(nodes=0, seed=1, checking=True)
        sim.add_stages(NODE_READY, POD_READY, POD_GONE)
        sim.apply(NODE)
        sim.run("10s")
        return sim

    def test_nodes_and_pods_live_by_their_stages(self) -> None:
        sim = self.world()
        assert "Ready" in sim.kubectl("get nodes").stdout
        sim.apply(WEB)
        sim.run("20s")
        pods = sim.list("pods")
        assert [pod["status"]["phase"] for pod in pods] == ["Running"] * 3
        assert len({pod["status"]["podIP"] for pod in pods}) == 3
        assert sim.get("deployment/web")["status"]["readyReplicas"] == 3
        assert "Created container" in sim.kubectl("get events").stdout
        assert pods[0]["metadata"]["finalizers"] == ["fake.example/hold"]

    def test_nodes_stay_ready_and_pods_end(self) -> None:
        sim = self.world()
        sim.apply(WEB)
        sim.run("20m")
        assert len(sim.list("pods")) == 3
        sim.kubectl("delete deployment web")
        sim.run("10s")
        assert sim.list("pods") == []

    def test_pods_of_a_kubelet_are_left_alone(self) -> None:
        sim = Simulation(nodes=1, seed=1)
        sim.add_stages(POD_READY)
        sim.apply(WEB)
        sim.run("20s")
        assert "Created container" not in sim.kubectl("get events").stdout

    def test_other_kinds_and_other_objects(self) -> None:
        text = """\
  selector:
    matchLabels: {play: "yes"}
  steps:
  - patch: {root: data, template: "seen: {{ Now | Quote }}"}
  - apply:
      template: |
        apiVersion: v1
        kind: Secret
        metadata: {name: made-of-{{ .metadata.name }}}
"""
        sim = Simulation(nodes=0, seed=1)
        sim.add_stages(stage("note", text, "ConfigMap"))
        sim.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {play: 'yes'}}\n")
        sim.run("1s")
        assert sim.get("configmap/a")["data"]["seen"].startswith("2026")
        assert sim.get("secret/made-of-a")
