"""kubectl debug: a container in a pod, a copy of a pod, a pod on a node."""

from __future__ import annotations

import pytest

POD = """
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: one}, annotations: {team: a}}
spec:
  securityContext: {runAsUser: 1000}
  containers:
  - name: app
    image: "app:1"
    args: [serve]
    readinessProbe: {httpGet: {port: 80}}
  - {name: side, image: "side:1"}
"""


@pytest.fixture
def one(sim, k):
    """The terminal, with a pod."""
    k("apply -f -", stdin=POD)
    sim.run("20s")
    return k


def added(sim):
    return sim.get("pod/one")["spec"]["ephemeralContainers"]


def warned(sim, line):
    """What a command that works says on both streams."""
    outcome = sim.kubectl(line)
    assert outcome.exit_code == 0, outcome.text
    return outcome.stdout, outcome.stderr


def test_a_container_gets_a_name_and_a_target(one, sim):
    out, err = warned(sim, "debug one --image=busybox --target=app --env=A=b -- top -b")
    (container,) = added(sim)
    target, named = out.splitlines()
    assert target == (
        'Targeting container "app". If you don\'t see processes from this container it may be because the container '
        "runtime doesn't support this feature."
    )
    assert named == f"Defaulting debug container name to {container['name']}."
    assert container["name"].startswith("debugger-")
    assert err.startswith("Warning: Non-root user is configured for the entire target Pod")
    assert container["targetContainerName"] == "app"
    assert container["command"] == ["top", "-b"]
    assert container["env"] == [{"name": "A", "value": "b"}]
    assert container["securityContext"] == {"capabilities": {"add": ["SYS_PTRACE"]}}


def test_it_says_nothing_when_told_to(one, sim):
    assert one("debug one --image=busybox --profile=baseline -q --target=app") == ""
    assert one("debug one --image=busybox --profile=restricted -c second -q") == ""
    first, second = added(sim)
    assert "securityContext" not in first
    assert second["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_it_is_described_and_its_log_is_read(one, sim):
    one("debug one --image=busybox --profile=baseline -c dbg")
    sim.run("20s")
    shown = one("describe pod one")
    begin = shown.index("\nEphemeral Containers:\n  dbg:\n")
    assert "State:          Running" in shown[begin:]
    assert one("logs one -c dbg") == "starting busybox\n"
    assert "out of: app, side, dbg (ephem)\n" in sim.kubectl("logs one").stderr
    assert "starting busybox" in one("logs one --all-containers")
    assert one("get pod one").splitlines()[1].split()[1:3] == ["2/2", "Running"]


def test_a_copy_has_no_labels_and_no_probes(one, sim):
    warned(sim, "debug one --image=busybox -c dbg --copy-to=two")
    copy = sim.get("pod/two")
    assert "app" not in copy["metadata"].get("labels", {})
    assert "annotations" not in copy["metadata"]
    assert [c["name"] for c in copy["spec"]["containers"]] == ["app", "side", "dbg"]
    assert "readinessProbe" not in copy["spec"]["containers"][0]
    assert copy["spec"]["shareProcessNamespace"] is True


def test_a_copy_keeps_what_is_asked_for(one, sim):
    line = "debug one --image=busybox -c dbg --copy-to=two --keep-labels --keep-annotations --keep-readiness"
    warned(sim, f"{line} --share-processes=false")
    copy = sim.get("pod/two")
    assert copy["metadata"]["labels"]["app"] == "one"
    assert copy["metadata"]["annotations"]["team"] == "a"
    assert "readinessProbe" in copy["spec"]["containers"][0]
    assert copy["spec"]["shareProcessNamespace"] is False


def test_a_copy_with_other_images(one, sim):
    assert one("debug one --copy-to=two --set-image=*=other:1,app=app:debug --same-node") == ""
    copy = sim.get("pod/two")
    assert [c["image"] for c in copy["spec"]["containers"]] == ["app:debug", "other:1"]
    assert copy["spec"]["nodeName"] == sim.get("pod/one")["spec"]["nodeName"]
    # With nothing but images the profile has no say.
    assert copy["metadata"]["labels"]["app"] == "one"


def test_a_copy_with_another_command(one, sim):
    warned(sim, "debug one --copy-to=two --container=app --replace -- sleep 1d")
    sim.run("1m")
    container = sim.get("pod/two")["spec"]["containers"][0]
    assert container["command"] == ["sleep", "1d"]
    assert "args" not in container
    assert one("get pods -o name") == "pod/two\n"


def test_a_pod_on_a_node(one, sim):
    out = one("debug node/node-2 --image=busybox")
    name = out.split()[3]
    assert out == f"Creating debugging pod {name} with container debugger on node node-2.\n"
    assert name.startswith("node-debugger-node-2-")
    spec = sim.get(f"pod/{name}")["spec"]
    assert (spec["nodeName"], spec["hostNetwork"], spec["restartPolicy"]) == ("node-2", True, "Never")
    assert {"name": "host-root", "mountPath": "/host"} in spec["containers"][0]["volumeMounts"]
    assert "securityContext" not in spec["containers"][0]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("one", "you must specify --image when not using --copy-to."),
        ("--image=a", "NAME or filename is required for debug"),
        ("one --copy-to=two", "you must specify --image, --set-image or command arguments."),
        (
            "one --copy-to=two -- sh",
            "you must specify an existing container or a new image when specifying args.",
        ),
        ("one --image=a --replace", "--replace may only be used with --copy-to."),
        ("one --image=a --set-image=b=c", "--set-image may only be used with --copy-to."),
        ("one --image=A", 'invalid image name "A": invalid reference format'),
        ("one --image=a --image-pull-policy=x", "invalid image pull policy: x"),
        ("one --image=a --profile=x", "unknown profile: x"),
        (
            "one --image=a --copy-to=two --target=app",
            "--target is incompatible with --copy-to. Use --share-processes instead.",
        ),
        ("one --image=a -t", "-i/--stdin is required for containers with -t/--tty=true"),
        ("svc/kubernetes --image=a", '"/v1, Kind=Service" not supported by debug'),
        ("one --copy-to=two --set-image=a", None),
        ("one -it --image=a", None),
    ],
)
def test_what_is_refused(one, line, text):
    found = one.fails(f"debug {line}")
    if text is None:
        assert "must be formatted as key=value" in found or "kcsim does not model attaching" in found
    else:
        assert found == f"error: {text}\n"


CUSTOM = """
env: [{name: B, value: b}]
resources: {}
securityContext: {runAsUser: 0, capabilities: {add: [NET_RAW]}}
"""


def debugged(sim, line, custom, name="c.yaml"):
    return sim.kubectl(f"debug {line} --custom={name}", files={"c.yaml": custom})


def test_a_custom_profile_is_laid_over_the_chosen_one(one, sim):
    outcome = debugged(sim, "one --image=busybox --env=A=a -c dbg -q", CUSTOM)
    assert (outcome.exit_code, outcome.text) == (0, "")  # who is root by then is not warned
    (container,) = added(sim)
    assert container["name"] == "dbg"
    assert container["env"] == [{"name": "B", "value": "b"}, {"name": "A", "value": "a"}]
    assert container["securityContext"] == {"runAsUser": 0, "capabilities": {"add": ["NET_RAW"]}}


def test_a_custom_profile_of_a_copy_and_of_a_pod_on_a_node(one, sim):
    shared = '{"volumeMounts": [{"name": "host-root", "mountPath": "/node", "readOnly": true}]}'
    outcome = debugged(sim, "node/node-2 --image=busybox --profile=sysadmin", shared)
    pod = sim.get(f"pod/{outcome.stdout.split()[3]}")
    mounts = pod["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "host-root", "mountPath": "/node", "readOnly": True} in mounts
    assert debugged(sim, "one --copy-to=two -c side --image=side:2", "tty: true").exit_code == 0
    assert sim.get("pod/two")["spec"]["containers"][1]["tty"] is True


@pytest.mark.parametrize(
    ("custom", "name", "text"),
    [
        (
            "{}",
            "nope.yaml",
            "must pass a container spec json file for custom profile: open nope.yaml: no such file or directory",
        ),
        (
            "image: other:1",
            "c.yaml",
            "name, command, image, lifecycle and volume devices are not modifiable via custom profile",
        ),
        (
            "env: x",
            "c.yaml",
            (
                "c.yaml does not contain a valid container spec: error unmarshaling JSON: while decoding JSON: json: "
                "cannot unmarshal string into Go struct field Container.env of type []v1.EnvVar"
            ),
        ),
        (
            "[a]",
            "c.yaml",
            (
                "c.yaml does not contain a valid container spec: error unmarshaling JSON: while decoding JSON: json: "
                "cannot unmarshal array into Go value of type v1.Container"
            ),
        ),
        (
            "a: [",
            "c.yaml",
            (
                "c.yaml does not contain a valid container spec: error converting YAML to JSON: yaml: line 1: did not "
                "find expected node content"
            ),
        ),
    ],
)
def test_custom_profiles_that_are_none(one, sim, custom, name, text):
    outcome = debugged(sim, "one --image=a", custom, name)
    assert (outcome.exit_code, outcome.stderr) == (1, f"error: {text}\n")


def test_a_field_that_no_container_has_is_told(one, sim):
    outcome = debugged(sim, "one --image=busybox --profile=baseline -q", "volumeMount: []\nstdin: true")
    assert outcome.stderr == (
        'Warning: c.yaml: no container has a field "volumeMount" (did you mean volumeMounts?): it is left out\n'
    )
    assert added(sim)[0]["stdin"] is True
