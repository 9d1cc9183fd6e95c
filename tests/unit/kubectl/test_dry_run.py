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
    if (line.startswith("autoscale"), how) == (True, "client"):
        said = said.replace("autoscaled", "created")  # as the real one words it
    tells = not line.startswith(("patch", "taint"))  # these two print of a dry run what they always print
    assert web(f"{line} --dry-run={how}") == (f"{said} {words}\n" if tells else f"{said}\n")
    assert stored(sim) == before


def test_another_value_is_refused(k):
    said = 'error: Invalid dry-run value (maybe). Must be "none", "server", or "client".\n'
    assert k.fails("create ns n --dry-run=maybe") == said


# What the real client prints (v1.33; since v1.34 times that are not set are left out).
PRINTED = [
    (
        "create deployment d --image nginx",
        """\
apiVersion: apps/v1
kind: Deployment
metadata:
  creationTimestamp: null
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
      creationTimestamp: null
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
  creationTimestamp: null
  name: j
  namespace: shop
spec:
  template:
    metadata:
      creationTimestamp: null
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
  creationTimestamp: null
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
  creationTimestamp: null
  name: pc
preemptionPolicy: PreemptLowerPriority
value: 10
""",
    ),
    (
        "create pdb p --selector 'app in (a,b)' --min-available 50%",
        """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  creationTimestamp: null
  name: p
spec:
  minAvailable: 50%
  selector:
    matchExpressions:
    - key: app
      operator: In
      values:
      - a
      - b
status:
  currentHealthy: 0
  desiredHealthy: 0
  disruptionsAllowed: 0
  expectedPods: 0
""",
    ),
    (
        "create cm c --from-literal a=1 --append-hash",
        """\
apiVersion: v1
data:
  a: "1"
kind: ConfigMap
metadata:
  creationTimestamp: null
  name: c-9dtcmmmm5t
""",
    ),
    (
        "create secret generic s --from-literal a=1 --append-hash",
        """\
apiVersion: v1
data:
  a: MQ==
kind: Secret
metadata:
  creationTimestamp: null
  name: s-gtkfk5m49d
""",
    ),
    (
        "create cm x --save-config",
        """\
apiVersion: v1
kind: ConfigMap
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","creationTimestamp":null}}
  creationTimestamp: null
  name: x
""",
    ),
    (
        "create role r --verb get --verb * --resource * -n shop",
        """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  creationTimestamp: null
  name: r
  namespace: shop
rules:
- apiGroups:
  - ""
  resources:
  - '*'
  verbs:
  - '*'
""",
    ),
    (
        """run p --image a --overrides '{"spec":{"nodeName":"n"}}'""",
        """\
apiVersion: v1
kind: Pod
metadata:
  creationTimestamp: null
  labels:
    run: p
  name: p
spec:
  containers:
  - image: a
    name: p
    resources: {}
  dnsPolicy: ClusterFirst
  nodeName: "n"
  restartPolicy: Always
status: {}
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
        "error: exactly one NAME is required, got 2\nSee 'kubectl create serviceaccount -h' for help and examples\n",
    ),
    ("create nope", "error: Unexpected args: [nope]\nSee 'kubectl create -h' for help and examples\n"),
    (
        "create token",
        "error: exactly one NAME is required, got 0\nSee 'kubectl create token -h' for help and examples\n",
    ),
    (
        "create deployment d --image a --image b -- x",
        "error: cannot specify multiple --image options and command\n",
    ),
    (
        "create cm c --from-literal 'a b=1'",
        "error: \"a b\" is not a valid key name for a ConfigMap: a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')\n",
    ),
    (
        "create cm c --from-literal a=1 --from-literal a=2",
        'error: cannot add key "a", another key by that name already exists in Data for ConfigMap "c"\n',
    ),
    (
        "create cm c --from-env-file x --from-literal a=1",
        "error: from-env-file cannot be combined with from-file or from-literal\n",
    ),
    (
        "create secret docker-registry s --docker-username u",
        "error: either --from-file or the combination of --docker-username, --docker-password and --docker-server is required\n",
    ),
    (
        "create secret tls s --cert a --key b",
        "error: Cannot read file a, open a: no such file or directory\n",
    ),
    ("create svc clusterip s --tcp 99999", 'error: strconv.ParseUint: parsing "99999": value out of range\n'),
    ("create quota q --hard cpu", "error: Invalid argument syntax cpu, expected <resource>=<value>\n"),
    (
        "create quota q --hard cpu=x",
        "error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'\n",
    ),
    ("create clusterrole r --verb get", "error: one of resource or nonResourceURL must be specified\n"),
    (
        "create clusterrole r --verb get --non-resource-url logs",
        "error: nonResourceURL should start with /\n",
    ),
    (
        "create clusterrole r --verb list --non-resource-url /logs",
        "error: invalid verb: 'list' for nonResourceURL\n",
    ),
    (
        "create clusterrole r --verb get --aggregation-rule a=b",
        "error: aggregation rule must be specified without nonResourceURLs, verbs, resources or resourceNames\n",
    ),
    ("create clusterrolebinding b --user u", 'error: required flag(s) "clusterrole" not set\n'),
    (
        "create pdb p --selector a=b --min-available 1 --max-unavailable 1",
        "error: min-available and max-unavailable cannot be both specified\n",
    ),
    ("create pdb p --selector a=b --min-available x", "error: invalid format specified for min-available\n"),
    (
        "create ingress i --default-backend d",
        "error: default-backend should be in format servicename:serviceport\n",
    ),
    (
        "create ingress i --default-backend d:1 --annotation bad",
        "error: annotation bad is invalid and should be in format key=[value]\n",
    ),
    (
        "create deployment d --image a -o bogus --dry-run=client",
        'error: unable to match a printer suitable for the output format "bogus", allowed formats are: go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,template,templatefile,yaml\n',
    ),
    ("run", 'error: required flag(s) "image" not set\n'),
    ("run --image a", "error: NAME is required for run\nSee 'kubectl run -h' for help and examples\n"),
    (
        "run p --image a --expose",
        "error: --port must be set when exposing a service\nSee 'kubectl run -h' for help and examples\n",
    ),
    (
        "run p --image a --rm",
        "error: --rm should only be used for attached containers\nSee 'kubectl run -h' for help and examples\n",
    ),
    (
        "run p --image a --tty",
        "error: -i/--stdin is required for containers with -t/--tty=true\nSee 'kubectl run -h' for help and examples\n",
    ),
    (
        "run p --image a --image-pull-policy X",
        "error: invalid image pull policy: X\nSee 'kubectl run -h' for help and examples\n",
    ),
    ("run p --image 'A B'", 'error: Invalid image name "A B": invalid reference format\n'),
    ("run p --image a --env bad", "error: invalid env: bad\n"),
    ("run p --image a -l x=a=b", "error: unexpected label spec: x=a=b\n"),
    ("run p --image a --overrides {bad", "error: Invalid JSON Patch\n"),
]


@pytest.mark.parametrize(("line", "said"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_cannot_be_made_is_refused_by_the_client(k, line, said):
    assert k.fails(line) == said


def test_a_secret_for_a_registry_holds_the_credentials(k):
    k("create secret docker-registry r --docker-username u --docker-password p --docker-server x.y")
    assert k("get secret r -o jsonpath={.type}") == "kubernetes.io/dockerconfigjson"


def test_a_verb_that_is_none_is_only_told(k):
    outcome = k.simulation.kubectl("create role r --verb bogus --resource pods")
    assert (outcome.exit_code, outcome.stderr) == (0, "Warning: 'bogus' is not a standard resource verb\n")


def test_files_of_a_folder_become_entries_and_what_is_no_text_binary(k):
    files = {"d/one.txt": "1", "d/raw": b"\xff", "d/deep/no": "x", "d/not valid": "x"}
    k.simulation.kubectl("create cm c --from-file d", files=files)
    assert k("get cm c -o jsonpath={.data}{.binaryData}") == '{"one.txt":"1"}{"raw":"/w=="}'
