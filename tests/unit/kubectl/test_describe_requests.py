"""kubectl describe of signing requests and quotas, and FlowSchemas in their order."""

from __future__ import annotations

import base64
import json

import pytest

from kcsim import Simulation
from kcsim.kubectl.describers.certificates import BadRequest, read_request

REQUEST = """\
-----BEGIN CERTIFICATE REQUEST-----
MIIBgjCCASgCAQAwXTEXMBUGA1UECgwOc3lzdGVtOm1hc3RlcnMxDDAKBgNVBAoM
A2RldjENMAsGA1UECwwEc2hvcDELMAkGA1UEBhMCQ0gxCjAIBgNVBAUTATcxDDAK
BgNVBAMMA2FubjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABH4Vik3TPB8h5h8a
m6PpKUpHyluqQSENv3swVUK45l3xSmxjokWGl/8jNY9wAZcK++KsQnROemBtSaEE
xNopxLOgaTBnBgkqhkiG9w0BCQ4xWjBYMFYGA1UdEQRPME2CDHdlYi5zaG9wLnN2
Y4IDd2VigQ1hbm5Ac2hvcC50ZXN0hhFzcGlmZmU6Ly9zaG9wL3dlYocECgAAAYcQ
/QAAAAAAAAAAAAAAAAAAATAKBggqhkjOPQQDAgNIADBFAiEAgfv0pksqiEkA3izz
fxAEi6/P1zoDLtj7lTf0BPSHkCcCIFBryS/HGoTahot995AdJocuuzl2qRR6SxQO
mulieuvA
-----END CERTIFICATE REQUEST-----
"""
"""Made by openssl req with a key of the curve prime256v1."""


@pytest.fixture
def sim() -> Simulation:
    return Simulation(nodes=1, seed=1)


def signing_request(text: str) -> str:
    return json.dumps(
        {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": "ann", "labels": {"team": "shop"}},
            "spec": {
                "request": base64.b64encode(text.encode()).decode(),
                "signerName": "kubernetes.io/kube-apiserver-client",
                "usages": ["client auth"],
                "expirationSeconds": 3600,
            },
        }
    )


SHOWN = """\
Name:                ann
Labels:              team=shop
Annotations:         <none>
CreationTimestamp:   Thu, 01 Jan 2026 00:00:00 +0000
Requesting User:     kubernetes-admin
Signer:              kubernetes.io/kube-apiserver-client
Requested Duration:  60m
Status:              Pending
Subject:
  Common Name:          ann
  Serial Number:        7
  Organization:         system:masters
                        dev
  Organizational Unit:  shop
  Country:              CH
Subject Alternative Names:
         DNS Names:        web.shop.svc
                           web
         Email Addresses:  ann@shop.test
         URIs:             spiffe://shop/web
         IP Addresses:     10.0.0.1
                           fd00::1
Events:  <none>
"""


def test_a_signing_request_says_for_whom_it_is(sim: Simulation) -> None:
    assert sim.kubectl("create -f -", stdin=signing_request(REQUEST)).exit_code == 0
    assert sim.kubectl("describe csr ann", as_="bob").stdout == SHOWN
    assert sim.kubectl("get csr ann --no-headers").stdout.split()[2:4] == [
        "kubernetes.io/kube-apiserver-client",
        "kubernetes-admin",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (REQUEST.replace("CERTIFICATE REQUEST", "PUBLIC KEY"), "PEM block type must be CERTIFICATE REQUEST"),
        (REQUEST.replace("MIIBgj", "?"), "PEM block type must be CERTIFICATE REQUEST"),
        (REQUEST.replace("MIIBgj", "MIIBhj"), "asn1: syntax error: data truncated"),
        (REQUEST.replace("MIIBgj", "AIIBgj"), "asn1: structure error: tags don't match"),
    ],
)
def test_what_is_no_request_is_said(text: str, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        read_request(text.encode())


def test_a_request_that_cannot_be_read_is_an_error(sim: Simulation) -> None:
    sim.kubectl("create -f -", stdin=signing_request(REQUEST.replace("MIIBgj", "MIIBhj")))
    outcome = sim.kubectl("describe csr ann")
    assert (outcome.exit_code, outcome.stderr) == (
        1,
        "error: Error parsing CSR: asn1: syntax error: data truncated\n",
    )


QUOTA = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: batch, namespace: default}
spec: {hard: {pods: "3", requests.memory: 3G}, scopes: [Terminating, NotBestEffort]}
"""


def test_who_makes_a_request_is_not_for_the_request_to_say(sim: Simulation) -> None:
    body = json.loads(signing_request(REQUEST))
    body["spec"].update(username="system:admin", groups=["system:masters"])
    sim.kubectl("create -f -", stdin=json.dumps(body), as_="ann")
    stored = sim.get("csr/ann")
    assert stored["spec"]["username"] == "ann"
    changed = json.dumps({"spec": {"signerName": "example.com/other"}})
    sim.kubectl(["patch", "csr", "ann", "--type=merge", "-p", changed])
    assert sim.get("csr/ann")["spec"] == stored["spec"]


def test_scopes_of_a_quota_are_explained(sim: Simulation) -> None:
    sim.kubectl("create -f -", stdin=QUOTA)
    sim.run_until("30s")
    lines = sim.kubectl("describe quota batch").stdout.splitlines()
    assert lines[2] == "Scopes:     NotBestEffort, Terminating"
    assert lines[3].startswith(" * Matches all pods that have at least one resource requirement set.")
    assert lines[4].startswith(" * Matches all pods that have an active deadline.")
    lines = sim.kubectl("describe namespace default").stdout.splitlines()
    start = lines.index("Resource Quotas")
    assert lines[start + 1 : start + 3] == ["  Name:    batch", "  Scopes:  NotBestEffort, Terminating"]
    assert lines[start + 3].startswith("  * Matches all pods that have at least one")


def test_what_is_used_is_written_as_the_limit_is(sim: Simulation) -> None:
    sim.kubectl("create -f -", stdin=QUOTA.replace("[Terminating, NotBestEffort]", "[]"))
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "sized"},
        "spec": {"containers": [{"name": "c", "image": "a:1", "resources": {"requests": {"memory": "1Gi"}}}]},
    }
    sim.kubectl("create -f -", stdin=json.dumps(pod))
    sim.run_until("30s")
    assert "requests.memory  1073741824  3G\n" in sim.kubectl("describe quota batch").stdout


def test_flow_schemas_stand_in_the_order_in_which_they_match(sim: Simulation) -> None:
    for name, precedence in (("a", 900), ("b", 100), ("c", 900)):
        schema = {
            "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
            "kind": "FlowSchema",
            "metadata": {"name": name},
            "spec": {
                "matchingPrecedence": precedence,
                "priorityLevelConfiguration": {"name": "global-default"},
                "rules": [],
            },
        }
        assert sim.kubectl("create -f -", stdin=json.dumps(schema)).exit_code == 0
    rows = sim.kubectl("get flowschemas --no-headers").stdout.splitlines()
    assert [row.split()[0] for row in rows] == ["b", "a", "c"]
    assert sim.kubectl("get flowschemas -o name").stdout.split() == [
        f"flowschema.flowcontrol.apiserver.k8s.io/{name}" for name in "abc"
    ]
