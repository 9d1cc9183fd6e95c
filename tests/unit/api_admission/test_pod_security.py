"""PodSecurity: what namespaces ask of their pods by labels."""

from __future__ import annotations

import pytest

from kcsim.api.admission.pod_security import Standard, policy_of
from kcsim.api.admission.pod_security_checks import violations
from kcsim.api.status import StatusError

LABEL = "pod-security.kubernetes.io/"
SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def spec(context=None, **members):
    """A pod with one container, ``web``."""
    container = {"name": "web", "image": "web:1", **({"securityContext": context} if context else {})}
    for field in ("ports", "livenessProbe"):
        if field in members:
            container[field] = members.pop(field)
    return {"containers": [container], **members}


def namespace(door, **labels):
    """Label the namespace; gives the answer's warnings, or the refusal."""
    body = {
        "metadata": {"labels": {f"{LABEL}{key.replace('_', '-')}": value for key, value in labels.items()}}
    }
    call = door.client.patch("namespaces", "", "a", body)
    try:
        return door.server.perform(call.op).warnings
    except StatusError as refusal:
        return refusal.code, refusal.message


def pod(door, name, made):
    return door.create("v1", "Pod", name, spec=made)


def warnings_of(door, kind, group, made):
    obj = {
        "apiVersion": group,
        "kind": kind,
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": made},
        },
    }
    return door.warned(door.client.create(door.server.catalog.of(obj), obj, "a"))


BARE = (
    'allowPrivilegeEscalation != false (container "web" must set securityContext.allowPrivilegeEscalation=false), '
    'unrestricted capabilities (container "web" must set securityContext.capabilities.drop=["ALL"]), '
    'runAsNonRoot != true (pod or container "web" must set securityContext.runAsNonRoot=true), '
    'seccompProfile (pod or container "web" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
    '"Localhost")'
)


def test_a_plain_pod_is_refused_where_restricted_is_enforced(door):
    namespace(door, enforce="restricted")
    assert pod(door, "web", spec()) == (
        403,
        f'pods "web" is forbidden: violates PodSecurity "restricted:latest": {BARE}',
    )
    assert pod(door, "safe", spec(SAFE))["metadata"]["name"] == "safe"
    namespace(door, enforce="baseline", enforce_version="v1.30")
    assert pod(door, "web", spec())["metadata"]["name"] == "web"


def test_of_what_makes_pods_people_are_only_warned(door):
    namespace(door, warn="restricted")
    assert warnings_of(door, "Deployment", "apps/v1", spec()) == (
        f'would violate PodSecurity "restricted:latest": {BARE}',
    )
    assert warnings_of(door, "StatefulSet", "apps/v1", spec(SAFE)) == ()
    assert pod(door, "web", spec())["kind"] == "Pod"


def test_who_asks_for_no_warnings_is_warned_of_what_will_be_refused(door):
    namespace(door, enforce="baseline", enforce_version="v1.29")
    (warning,) = warnings_of(door, "Deployment", "apps/v1", spec(hostNetwork=True))
    assert warning == 'would violate PodSecurity "baseline:v1.29": host namespaces (hostNetwork=true)'


def test_an_update_is_judged_when_an_image_changes(door):
    pod(door, "web", spec())
    namespace(door, enforce="restricted")
    assert door.patch("pods", "web", {"metadata": {"labels": {"a": "b"}}})["metadata"]["labels"] == {"a": "b"}
    image = {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}
    assert door.patch("pods", "web", image, type="strategic")[0] == 403
    assert door.get("pods", "web")["spec"]["containers"][0]["image"] == "web:1"
    ready = {"status": {"phase": "Running"}}
    assert door.patch("pods", "web", ready, subresource="status")["status"]["phase"] == "Running"


def test_labels_that_cannot_be_read_are_refused(door):
    code, text = namespace(door, enforce="strict", warn_version="1.30")
    assert code == 422
    assert text == (
        f'Namespace "a" is invalid: [metadata.labels[{LABEL}enforce]: Invalid value: "strict": must be one of '
        f'privileged, baseline, restricted, metadata.labels[{LABEL}warn-version]: Invalid value: "1.30": must be '
        '"latest" or "v1.x"]'
    )
    assert door.create("v1", "Namespace", "b", labels={f"{LABEL}audit": "all"})[0] == 422


def test_a_stricter_level_warns_of_the_pods_there_are(door):
    pod(door, "b", spec())
    pod(door, "a", spec())
    pod(door, "host", spec(SAFE, hostNetwork=True))
    reasons = (
        "allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile"
    )
    assert namespace(door, enforce="restricted") == (
        'existing pods in namespace "a" violate the new PodSecurity enforce level "restricted:latest"',
        f"a (and 1 other pod): {reasons}",
        "host: host namespaces",
    )
    assert namespace(door, enforce="baseline") == ()


def test_a_namespace_that_goes_or_loses_its_labels_asks_for_nothing(door):
    namespace(door, enforce="restricted")
    body = {"metadata": {"labels": {f"{LABEL}enforce": None}}}
    door.client.now(door.client.patch("namespaces", "", "a", body))
    assert pod(door, "web", spec(hostPID=True))["kind"] == "Pod"


def test_what_cannot_be_read_counts_as_the_strictest_where_it_is_enforced():
    policy, wrong = policy_of({f"{LABEL}enforce": "strict", f"{LABEL}warn": "strict"})
    assert (policy.enforce, policy.warn, len(wrong)) == (Standard("restricted"), Standard(), 2)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (spec(hostPID=True, hostIPC=True), "host namespaces (hostPID=true, hostIPC=true)"),
        (spec(ports=[{"containerPort": 80, "hostPort": 80}]), 'hostPort (container "web" uses hostPort 80)'),
        (
            spec(livenessProbe={"httpGet": {"host": "10.0.0.1", "port": 80}}),
            'probe or lifecycle host (container "web" uses probe or lifecycle host "10.0.0.1")',
        ),
        (
            spec({"privileged": True}),
            'privileged (container "web" must not set securityContext.privileged=true)',
        ),
        (
            spec({"procMount": "Unmasked"}),
            'procMount (container "web" must not set securityContext.procMount to "Unmasked")',
        ),
        (
            spec({"seLinuxOptions": {"type": "spc_t", "user": "u"}}),
            (
                'seLinuxOptions (container "web" set forbidden securityContext.seLinuxOptions: type "spc_t"; '
                "user may not be set)"
            ),
        ),
        (
            spec(securityContext={"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_rmem"}]}),
            "forbidden sysctls (kernel.msgmax)",
        ),
        (
            spec(securityContext={"windowsOptions": {"hostProcess": True}}),
            "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
        ),
        (
            spec({"capabilities": {"add": ["SYS_ADMIN", "CHOWN", "NET_RAW"]}}),
            (
                'non-default capabilities (container "web" must not include "NET_RAW", "SYS_ADMIN" in '
                "securityContext.capabilities.add)"
            ),
        ),
        (
            spec(volumes=[{"name": "a", "hostPath": {}}, {"name": "b", "hostPath": {}}]),
            'hostPath volumes (volumes "a", "b")',
        ),
        (
            spec(
                {"seccompProfile": {"type": "Unconfined"}},
                securityContext={"seccompProfile": {"type": "Unconfined"}},
            ),
            'seccompProfile (pod and container "web" must not set securityContext.seccompProfile.type to "Unconfined")',
        ),
        (
            spec({"appArmorProfile": {"type": "Unconfined"}}),
            'forbidden AppArmor profile (container "web" must not set AppArmor profile type to "Unconfined")',
        ),
    ],
)
def test_what_baseline_forbids(made, told):
    assert [str(found) for found in violations("baseline", 36, {}, made)] == [told]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (spec({**SAFE, "runAsUser": 0}), 'runAsUser=0 (container "web" must not set runAsUser=0)'),
        (
            spec({**SAFE, "capabilities": {"drop": ["ALL"], "add": ["CHOWN", "NET_BIND_SERVICE"]}}),
            'unrestricted capabilities (container "web" must not include "CHOWN" in securityContext.capabilities.add)',
        ),
        (
            spec(SAFE, volumes=[{"name": "v", "nfs": {}}, {"name": "c", "configMap": {}}]),
            'restricted volume types (volume "v" uses restricted volume type "nfs")',
        ),
        (
            spec(SAFE, securityContext={"runAsNonRoot": False}),
            "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)",
        ),
    ],
)
def test_what_restricted_forbids(made, told):
    assert [str(found) for found in violations("restricted", 36, {}, made)] == [told]


def test_versions_know_the_checks_of_their_time():
    probe = spec(livenessProbe={"tcpSocket": {"host": "h", "port": 1}})
    assert [len(violations("baseline", minor, {}, probe)) for minor in (33, 34, 99)] == [0, 1, 1]
    assert [v.reason for v in violations("restricted", 7, {}, spec())] == ["runAsNonRoot != true"]
    windows = {**spec({"runAsNonRoot": True}), "os": {"name": "windows"}}
    assert [len(violations("restricted", minor, {}, windows)) for minor in (24, 25)] == [3, 0]
    nobody = {**spec({**SAFE, "runAsNonRoot": False, "runAsUser": 0}), "hostUsers": False}
    assert [len(violations("restricted", minor, {}, nobody)) for minor in (34, 35)] == [2, 0]
