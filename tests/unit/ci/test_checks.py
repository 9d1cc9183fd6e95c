"""Checks of manifests, scans, evidence and the gate that asks for it; deploying in other ways; tokens."""

from __future__ import annotations

import pytest

from kcsim.delivery.ci.checks import CheckPolicies, ValidateManifests
from kcsim.delivery.ci.deploy import Deploy
from kcsim.delivery.ci.evidence import Gate
from kcsim.delivery.ci.pipelines import JobSpec, PipelineSpec, StageSpec
from kcsim.delivery.ci.rights import Deployer
from kcsim.delivery.ci.scans import Known, Scan
from kcsim.engine.clock import HOUR, MINUTE

POLICY = """\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: few-replicas}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  validations:
    - expression: object.spec.replicas <= 5
      message: at most five replicas
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: few-replicas}
spec: {policyName: few-replicas, validationActions: [Deny]}
"""


def checked(world, files, *actions, given=None):
    """The run of a pipeline that does some things to a commit of these files, one step each."""
    steps = tuple(StageSpec(f"step {number}", action=action) for number, action in enumerate(actions))
    spec = PipelineSpec("shop", "shop", jobs=(JobSpec("check", steps, "check"),))
    made = world.ci.add_pipeline(spec, [world.target()])
    del files
    world.git.push("shop", "main", given, "change", "dana")
    world.run("5m")
    return made.runs[0]


def test_manifests_that_fit_their_schemas(world, files):
    given = {"deploy/web.yaml": files.web("1"), "deploy/config.yaml": files.config("a")}
    run = checked(world, files, ValidateManifests(("deploy",)), given=given)
    assert run.status == "succeeded"
    assert [(each.check, each.passed) for each in run.evidence] == [("schema", True)]
    assert run.stages[0].log == ["2 resources found - Valid: 2, Invalid: 0, Errors: 0, Skipped: 0"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("replicas: 2", "replica: 2", 'unknown field "spec.replica"'),
        ("replicas: 2", 'replicas: "2"', "replicas"),
        ("replicas: 2", "replicas: -1", "must be greater than or equal to 0"),
        ("matchLabels: {app: web}", "matchLabels: {app: api}", "does not match template"),
        ("kind: Deployment", "kind: Deploymint", "could not find schema for Deploymint"),
        ("kind: Deployment", "kind: [", "deploy"),
    ],
)
def test_manifests_that_do_not(world, files, old, new, told):
    given = {"deploy/web.yaml": files.web("1").replace(old, new)}
    run = checked(world, files, ValidateManifests(("deploy",)), given=given)
    assert run.status == "failed"
    assert told in run.evidence[0].findings[0]
    assert run.evidence[0].passed is False


def test_policies_of_the_repository_are_asked_as_the_cluster_asks_them(world, files):
    given = {
        "policies/p.yaml": POLICY,
        "deploy/web.yaml": files.web("1").replace("replicas: 2", "replicas: 9"),
    }
    run = checked(world, files, CheckPolicies(("policies",), ("deploy",)), given=given)
    assert run.status == "failed"
    assert (
        "ValidatingAdmissionPolicy 'few-replicas' with binding 'few-replicas' denied request: at most five"
        in run.reason
    )


def test_policies_that_are_kept_or_missing(world, files):
    given = {"policies/p.yaml": POLICY, "deploy/web.yaml": files.web("1")}
    run = checked(
        world,
        files,
        CheckPolicies(("policies",), ("deploy",)),
        CheckPolicies(("none",), ("deploy",)),
        given=given,
    )
    assert [step.status for step in run.stages] == ["succeeded", "failed"]
    assert "no ValidatingAdmissionPolicy in none" in run.reason


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("key: AKIA" + "Q" * 16, "aws-access-token"),
        ("-----BEGIN RSA PRIVATE KEY-----", "private-key"),
        ("token: ghp_" + "a" * 36, "github-pat"),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  password: hunter2\n",
            "kubernetes-secret-yaml",
        ),
    ],
)
def test_secrets_are_found(world, files, text, rule):
    run = checked(world, files, Scan("secrets"), given={"a.yaml": f"# x\n{text}\n"})
    assert run.status == "failed"
    assert run.reason.startswith("job check: step step 0: 1 secrets found: a.yaml:")
    assert rule in run.reason


def test_what_is_no_secret_is_not_found(world, files):
    empty = "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n---\nkind: ConfigMap\ndata:\n  a: b\n"
    run = checked(world, files, Scan("secrets"), given={"a.yaml": empty, "b.yaml": "key: AKIAshort\n"})
    assert run.status == "succeeded"


def test_findings_count_from_a_severity_on_and_are_kept_either_way(world, files):
    image = "registry.example/shop/web:1"
    known = {image: (Known("CVE-2026-1", "MEDIUM"),)}
    soft = Scan("vulnerabilities", "HIGH", known, paths=("deploy",))
    hard = Scan("vulnerabilities", "MEDIUM", known, paths=("deploy",))
    run = checked(world, files, soft, hard, given={"deploy/web.yaml": files.web("1")})
    assert [step.status for step in run.stages] == ["succeeded", "failed"]
    assert run.evidence[0].findings == (f"{image}: CVE-2026-1 (MEDIUM)",)
    assert [each.passed for each in run.evidence] == [True, False]


def test_licences_that_are_allowed(world, files):
    known = {"left-pad==1.0": (Known("MIT"),), "readline==8": (Known("GPL-3.0-only"),)}
    scan = Scan("licences", known=known, files=("requirements.txt",), allowed=("MIT",))
    run = checked(world, files, scan, given={"requirements.txt": "left-pad==1.0\nreadline==8\n"})
    assert "requirements.txt:2: readline==8: GPL-3.0-only" in run.reason


def test_a_gate_asks_for_evidence(world, files):
    given = {"deploy/web.yaml": files.web("1")}
    run = checked(world, files, ValidateManifests(("deploy",)), Gate(("schema", "secrets")), given=given)
    assert run.reason.endswith("compliance gate: secrets: no evidence")
    attested = [r.facts() for r in world.engine.trace.records if r.verb == "attest"]
    assert [(each["check"], each["passed"]) for each in attested] == [("schema", True), ("gate", False)]
    assert attested[0]["digest"].startswith("sha256:")


# --- deploying ------------------------------------------------------------------------------------------------------


def test_prune_deletes_what_is_gone_from_the_files(world, files):
    labelled = files.config("NAME").replace("namespace: shop", "namespace: shop, labels: {app: shop}")
    world.pipeline(deploy=Deploy(("deploy",), prune="app=shop"))
    world.commit({name + ".yaml": labelled.replace("NAME", name) for name in ("a", "b")})
    world.run("1m")
    world.commit({"a.yaml": None})
    world.run("1m")
    assert world.find("configmaps", "a") is None
    assert world.find("configmaps", "b") is not None


def test_prune_of_one_path_deletes_what_another_path_made(world, files):
    labelled = files.config("NAME").replace("namespace: shop", "namespace: shop, labels: {app: shop}")
    world.pipeline(deploy=Deploy(("deploy/one", "deploy/two"), prune="app=shop"))
    world.commit({"one/a.yaml": labelled.replace("NAME", "a"), "two/b.yaml": labelled.replace("NAME", "b")})
    world.run("1m")
    assert world.find("configmaps", "a") is None
    assert world.find("configmaps", "b") is not None


def test_set_image_changes_nothing_but_images(world, files):
    world.pipeline(deploy=Deploy(("deploy",), set_image=True))
    obj = world.server.catalog.of({"apiVersion": "apps/v1", "kind": "Deployment"})
    from kcsim.manifests import read

    (manifest,) = read(files.web("1"), "web.yaml")
    world.do(world.admin.create(obj, manifest.object))
    world.commit({"web.yaml": files.web("2").replace("replicas: 2", "replicas: 7")})
    world.run("2m")
    assert world.image().endswith(":2")
    assert world.find("deployments.apps", "web")["spec"]["replicas"] == 2


def test_force_conflicts_takes_fields_over(world, files):
    pipeline = world.pipeline(deploy=Deploy(("deploy",), server_side=True, rollout_timeout=0))
    world.commit({"config.yaml": files.config("a")})
    world.run("1m")
    live = world.find("configmaps", "a")
    world.do(world.admin.update("configmaps", {**live, "data": {"a": "by hand"}}))
    world.commit({"config.yaml": files.config("a").replace('"1"', '"2"')})
    world.run("1m")
    assert pipeline.runs[1].status == "failed"
    assert "conflict" in pipeline.runs[1].reason


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_expires(make_world, files):
    world = make_world(deployer=Deployer(token_lifetime=HOUR))
    pipeline = world.pipeline()
    world.commit({"config.yaml": files.config("a")})
    world.run("61m")
    world.commit({"config.yaml": files.config("b")})
    world.run("5m")
    assert [run.status for run in pipeline.runs] == ["succeeded", "failed"]
    assert "error: You must be logged in to the server" in pipeline.runs[1].reason


def test_a_token_that_is_rotated_in_time_does_not(make_world, files):
    world = make_world(deployer=Deployer(token_lifetime=HOUR, rotated_every=50 * MINUTE))
    pipeline = world.pipeline()
    for name in ("a", "b", "c"):
        world.commit({"config.yaml": files.config(name)})
        world.run("61m")
    assert {run.status for run in pipeline.runs} == {"succeeded"}


def test_rotation_that_is_too_rare_leaves_gaps():
    deployer = Deployer(token_lifetime=HOUR, rotated_every=2 * HOUR)
    assert [deployer.token_is_valid(minutes * MINUTE) for minutes in (0, 59, 60, 119, 120)] == [
        True,
        True,
        False,
        False,
        True,
    ]
