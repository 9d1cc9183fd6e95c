"""Dry runs say what would be done, print what would be sent, and leave everything as it was."""

from __future__ import annotations

import pytest

WOULD = [
    ("create deployment api --image nginx", "deployment.apps/api created"),
    ("run p --image nginx", "pod/p created"),
    ("expose deploy web --port 80", "service/web exposed"),
    ("autoscale deploy web --max 3", "horizontalpodautoscaler.autoscaling/web autoscaled"),
    ("scale deploy web --replicas 9", "deployment.apps/web scaled"),
    ("label deploy web a=b", "deployment.apps/web labeled"),
    ("annotate deploy web a=b", "deployment.apps/web annotated"),
    ("set image deploy/web app=nginx:9", "deployment.apps/web image updated"),
    ("set env deploy/web A=1", "deployment.apps/web env updated"),
    ('patch deploy web -p \'{"spec":{"replicas":9}}\'', "deployment.apps/web patched"),
    ("taint nodes node-1 a=b:NoSchedule", "node/node-1 tainted"),
    ("delete deploy web", 'deployment.apps "web" deleted'),
]


def stored(sim):
    """All that a command may change, without the status that controllers keep writing."""
    kinds = ("deployments", "services", "pods", "horizontalpodautoscalers")
    found = {
        kind: {obj["metadata"]["name"]: obj["metadata"] for obj in sim.list(kind, "default")}
        for kind in kinds
    }
    return found, {obj["metadata"]["name"]: obj["spec"] for obj in sim.list("nodes", "")}


@pytest.mark.parametrize(("line", "said"), WOULD, ids=[line for line, _ in WOULD])
@pytest.mark.parametrize(("how", "words"), [("client", "(dry run)"), ("server", "(server dry run)")])
def test_a_dry_run_leaves_everything_as_it_was(web, sim, line, said, how, words):
    before = stored(sim)
    assert web(f"{line} --dry-run={how}").startswith(f"{said} ")
    assert web(f"{line} --dry-run={how}").rstrip().endswith(words)
    assert stored(sim) == before


def test_another_value_is_refused(k):
    said = 'error: Invalid dry-run value (maybe). Must be "none", "server", or "client".\n'
    assert k.fails("create ns n --dry-run=maybe") == said


# What the real client prints (v1.32, less the creationTimestamp it left out since).
PRINTED = [
    (
        "create deployment d --image nginx",
        """\
apiVersion: apps/v1
kind: Deployment
metadata:
  labels:
    app: d
  name: d
spec:
  replicas: 1
  selector:
    matchLabels:
      app: d
  strategy: {}
  template:
    metadata:
      labels:
        app: d
    spec:
      containers:
      - image: nginx
        name: nginx
        resources: {}
status: {}
""",
    ),
    (
        "create job j --image busybox -n shop",
        """\
apiVersion: batch/v1
kind: Job
metadata:
  name: j
  namespace: shop
spec:
  template:
    metadata: {}
    spec:
      containers:
      - image: busybox
        name: j
        resources: {}
      restartPolicy: Never
status: {}
""",
    ),
    (
        "create ingress i --rule a/b=s:1,tls=t --default-backend svc:http",
        """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: i
spec:
  defaultBackend:
    service:
      name: svc
      port:
        name: http
  rules:
  - host: a
    http:
      paths:
      - backend:
          service:
            name: s
            port:
              number: 1
        path: /b
        pathType: Exact
  tls:
  - hosts:
    - a
    secretName: t
status:
  loadBalancer: {}
""",
    ),
    (
        "create priorityclass pc --value 10 --description d",
        """\
apiVersion: scheduling.k8s.io/v1
description: d
kind: PriorityClass
metadata:
  name: pc
preemptionPolicy: PreemptLowerPriority
value: 10
""",
    ),
]


@pytest.mark.parametrize(("line", "text"), PRINTED, ids=[line for line, _ in PRINTED])
def test_a_dry_run_prints_what_the_real_client_prints(k, line, text):
    assert k(f"{line} --dry-run=client -o yaml") == text


REFUSED = [
    ("create cm c --from-literal a", "error: invalid literal source a, expected key=value\n"),
    (
        "create secret generic s --from-literal a=b --from-literal a=c",
        "error: cannot add key a, another key by that name already exists\n",
    ),
    ("create job j", "error: either --image or --from must be specified\n"),
    ("create deployment d", 'error: required flag(s) "image" not set\n'),
    ("create pdb p --min-available 1", "error: a selector must be specified\n"),
    (
        "create sa a b",
        "error: exactly one NAME is required, got 2\nSee 'kubectl create sa -h' for help and examples\n",
    ),
]


@pytest.mark.parametrize(("line", "said"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_cannot_be_made_is_refused_by_the_client(k, line, said):
    assert k.fails(line) == said


def test_a_secret_for_a_registry_holds_the_credentials(k):
    k("create secret docker-registry r --docker-username u --docker-password p --docker-server x.y")
    assert k("get secret r -o jsonpath={.type}") == "kubernetes.io/dockerconfigjson"
