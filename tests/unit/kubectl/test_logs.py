"""kubectl logs: which containers are meant, and what their lives have written."""

from __future__ import annotations

import re

import pytest

from kcsim.api.http import Request, handle
from kcsim.cluster.images import ImageBehaviour, Window
from kcsim.engine.clock import SECOND

POD = """
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: one}}
spec:
  terminationGracePeriodSeconds: 5
  containers:
  - {name: app, image: "app:1", ports: [{containerPort: 8080}]}
"""
TWO = """
apiVersion: v1
kind: Pod
metadata: {name: two, labels: {app: two}}
spec:
  initContainers:
  - {name: setup, image: "setup:1"}
  containers:
  - {name: app, image: "app:1"}
  - {name: side, image: "side:1"}
"""
STAMP = re.compile(r"^2026-01-01T00:00:\d\d\.\d{9}Z ")


@pytest.fixture
def pod(sim, k):
    """One pod of an image that behaves as said, after a while."""

    def start(wait=30, text=POD, **behaviour):
        sim.world.push_image(ImageBehaviour("app:1", **behaviour))
        k("apply -f -", stdin=text)
        sim.run(wait)

    return start


def test_a_program_tells_when_it_starts_and_when_it_listens(pod, k):
    pod(ready_after=3 * SECOND)
    assert k("logs one") == "starting app:1\nlistening on port 8080\n"
    first, second = k("logs one --timestamps").splitlines()
    assert STAMP.match(first)
    assert int(second[17:19]) - int(first[17:19]) == 3


def test_what_has_not_happened_yet_is_not_told(pod, k, sim):
    pod(wait=5, ready_after=60 * SECOND)
    assert k("logs one") == "starting app:1\n"
    sim.run(60)
    assert k("logs one").endswith("listening on port 8080\n")


def test_probes_and_users_notice_what_it_tells(pod, k):
    window = Window(5 * SECOND, 10 * SECOND)
    pod(fails_readiness=window, serves_errors=window, error_fraction=0.25)
    assert k("logs one").splitlines()[2:] == [
        "not ready to serve",
        "error: answering 25% of requests with an error",
        "ready to serve again",
        "answering requests again",
    ]


def test_a_crash_has_last_words_and_the_container_before_is_asked_for_with_p(pod, k):
    pod(wait=20, crash_after=4 * SECOND, crashes=1, exit_code=3)
    assert k("logs one -p") == "starting app:1\nlistening on port 8080\nfatal error, exiting with code 3\n"
    assert k("logs one") == "starting app:1\nlistening on port 8080\n"


def test_between_two_attempts_the_one_that_crashed_is_meant(pod, k):
    pod(wait=60, crash_after=SECOND)
    assert k("get pod one --no-headers").split()[2] in {"CrashLoopBackOff", "Error"}
    assert k("logs one").splitlines()[-1] == "fatal error, exiting with code 1"


def test_a_program_that_is_killed_has_no_last_words(pod, k, sim):
    limited = POD.replace('image: "app:1"', 'image: "app:1", resources: {limits: {memory: 10Mi}}')
    pod(text=limited.replace("containers", "restartPolicy: Never\n  containers"), memory_growth=1 << 20)
    assert (
        sim.get("pod/one")["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] == "OOMKilled"
    )
    assert k("logs one") == "starting app:1\nlistening on port 8080\n"


def test_sigterm_is_told(pod, k, sim):
    pod(ignores_sigterm=True)
    sim.kubectl("delete pod one --wait=false")
    sim.run(2)
    assert k("logs one").splitlines()[-1] == "received SIGTERM, going on"


def test_a_job_says_that_it_is_done(k, sim):
    sim.world.push_image(ImageBehaviour("work:1", exits_after=5 * SECOND))
    k("create job work --image=work:1")
    sim.run(30)
    assert k("logs job/work") == "starting work:1\ndone\n"


# --- which lines ------------------------------------------------------------------------------------------------

CHOICES = [
    ("--tail=1", "listening on port 8080\n"),
    ("--tail=0", ""),
    ("--tail=-1", "starting app:1\nlistening on port 8080\n"),
    ("--limit-bytes=8", "starting"),
    ("--since=25s", "listening on port 8080\n"),
    ("--since=1s", ""),
    ("--since-time=2026-01-01T00:00:09Z", "listening on port 8080\n"),
    ("--prefix --tail=1", "[pod/one/app] listening on port 8080\n"),
]


@pytest.mark.parametrize(("flags", "text"), CHOICES, ids=[flags for flags, _ in CHOICES])
def test_lines_may_be_chosen(pod, k, flags, text):
    pod(ready_after=10 * SECOND)
    assert k(f"logs one {flags}") == text


def test_a_selector_brings_ten_lines_of_each_pod_unless_told_otherwise(pod, k):
    window = [Window(n * SECOND, (n + 1) * SECOND) for n in (1, 3, 5)]
    pod(fails_readiness=window[0], fails_liveness=window[1], serves_errors=window[2])
    assert len(k("logs -l app=one").splitlines()) == 8
    assert len(k("logs -l app=one --tail=3").splitlines()) == 3


def test_following_shows_what_comes_until_the_container_ends(k, sim):
    sim.world.push_image(ImageBehaviour("work:1", exits_after=20 * SECOND))
    k("create job work --image=work:1")
    sim.run(5)
    assert k("logs -f job/work") == "starting work:1\ndone\n"
    assert 20 < sim.now < 30


def test_following_ends_when_it_is_said_to(pod, sim):
    pod(wait=5, ready_after=10 * SECOND)
    outcome = sim.kubectl("logs -f one --request-timeout=30s")
    assert (outcome.stdout, outcome.stderr) == ("starting app:1\nlistening on port 8080\n", "")
    assert sim.now == 35


# --- which containers -------------------------------------------------------------------------------------------


def test_the_first_of_several_containers_is_meant_and_named(sim, k):
    k("apply -f -", stdin=TWO)
    sim.run(30)
    outcome = sim.kubectl("logs two")
    assert outcome.stdout == "starting app:1\nready\n"
    assert outcome.stderr == 'Defaulted container "app" out of: app, side, setup (init)\n'
    assert k("logs two side") == k("logs two -c side") == "starting side:1\nready\n"
    assert k("logs two --all-containers --prefix").splitlines() == [
        "[pod/two/setup] starting setup:1",
        "[pod/two/setup] done",
        "[pod/two/app] starting app:1",
        "[pod/two/app] ready",
        "[pod/two/side] starting side:1",
        "[pod/two/side] ready",
    ]


def test_an_annotation_may_name_the_container(sim, k):
    noted = TWO.replace("labels:", 'annotations: {kubectl.kubernetes.io/default-container: "side"}, labels:')
    k("apply -f -", stdin=noted)
    sim.run(30)
    assert k("logs two").startswith("starting side:1\n")


def test_of_a_workload_one_pod_is_chosen_and_named(web, sim):
    outcome = sim.kubectl("logs deploy/web")
    assert outcome.stdout == "starting registry.example/app:1\nready\n"
    assert re.fullmatch(r"Found 2 pods, using pod/web-\S+\n", outcome.stderr)
    lines = web("logs deploy/web --all-pods").splitlines()
    assert len(lines) == 4
    assert all(line.startswith("[pod/web-") for line in lines), "lines of several pods are told apart"


def test_a_workload_without_pods_is_waited_for(web, sim):
    web("scale deploy web --replicas=0")
    sim.run(40)
    before = sim.now
    assert web.fails("logs deploy/web") == "error: timed out waiting for the condition\n"
    assert sim.now == before + 20


REFUSED = [
    ("logs nope", 'error: error from server (NotFound): pods "nope" not found in namespace "default"\n'),
    ("logs one -c nope", "error: container nope is not valid for pod one out of: app\n"),
    ("logs one --tail=-2", "error: --tail must be greater than or equal to -1\n"),
    (
        "logs one --tail=x",
        (
            'error: invalid argument "x" for "--tail" flag: strconv.ParseInt: parsing "x": invalid syntax\n'
            "See 'kubectl logs --help' for usage.\n"
        ),
    ),
    (
        "logs one --since=x",
        (
            'error: invalid argument "x" for "--since" flag: time: invalid duration "x"\n'
            "See 'kubectl logs --help' for usage.\n"
        ),
    ),
    ("logs one a -c b", "error: only one of -c or an inline [CONTAINER] arg is allowed\n"),
    (
        "logs one -p",
        'Error from server (BadRequest): previous terminated container "app" in pod "one" not found\n',
    ),
    (
        "logs one --since=1s --since-time=2026-01-01T00:00:00Z",
        "error: at most one of `sinceTime` or `sinceSeconds` may be specified\n",
    ),
    (
        "logs cm/conf",
        "error: cannot get the logs from *v1.ConfigMap: selector for *v1.ConfigMap not implemented\n",
    ),
]


@pytest.mark.parametrize(("line", "text"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_has_no_log(pod, k, line, text):
    pod()
    k("create cm conf")
    assert k.fails(line) == text


def test_an_image_that_cannot_be_pulled_has_no_log(pod, k):
    pod(wait=60, pull="notFound")
    said = k.fails("logs one")
    assert said == (
        'Error from server (BadRequest): container "app" in pod "one" is waiting to start: '
        "trying and failing to pull image\n"
    )


def test_a_pod_without_a_node_has_an_empty_log(k, sim):
    sim.run(10)
    k("cordon node-1 node-2")
    k("apply -f -", stdin=POD)
    sim.run(5)
    assert k("logs one") == ""


def test_a_kubelet_that_is_gone_cannot_be_asked(pod, k, sim):
    pod()
    node = sim.get("pod/one")["spec"]["nodeName"]
    sim.cluster().kubelets[node].stop()
    said = k.fails("logs one")
    assert re.fullmatch(
        r'Error from server: Get "https://(\S+):10250/containerLogs/default/one/app": '
        r"dial tcp \1:10250: connect: connection refused\n",
        said,
    )
    sim.inject("node-crash", node)
    assert k.fails("logs one").endswith(":10250: i/o timeout\n")


# --- over the wire ----------------------------------------------------------------------------------------------

LOG = "/api/v1/namespaces/default/pods/one/log"
QUERIES = [
    ("tailLines=1", 200, "listening on port 8080\n"),
    ("tailLines=-1", 422, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
    ("sinceSeconds=0", 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
    ("tailLines=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
    ("container=nope", 400, "container nope is not valid for pod one"),
]


@pytest.mark.parametrize(("query", "code", "text"), QUERIES, ids=[query for query, _, _ in QUERIES])
def test_the_api_serves_logs(pod, sim, query, code, text):
    pod()
    answer = handle(sim.cluster().server, Request("GET", LOG, query))
    assert answer.code == code
    assert (answer.body if code == 200 else answer.body["message"]).endswith(text)
