"""Checks of the manifests before they are deployed: do they fit their schemas, do they keep the policies?

Both ask an API server of their own that nobody else knows, as `kubectl apply --dry-run=server` against an empty cluster would: the
very validation and the very CEL policies (`kcsim.api.admission.policy`) that the cluster has.

**Imitates:** kubeconform (texts) for the schemas; the check of ValidatingAdmissionPolicies in CI, as `kyverno apply` and dry runs
against a throw-away cluster do it. Differs: rules that need the cluster's state (quotas, existing objects, params that are not in
the repository) are not asked.

**Walk:** the commit's files -> `render` -> each object as a dry run -> findings -> evidence; any finding fails the step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api.cel import library
from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.objects import Object
from kcsim.api.request import ADMIN
from kcsim.api.server import ApiServer
from kcsim.api.status import StatusError
from kcsim.delivery.ci.checkout import checkout
from kcsim.delivery.ci.evidence import attest
from kcsim.delivery.ci.pipelines import StageContext, StageFailed
from kcsim.delivery.ci.render import RenderError, read_objects, render
from kcsim.engine.core import Engine
from kcsim.engine.task import Steps
from kcsim.manifests import ManifestError
from kcsim.network.topology import Network

_POLICY_GROUP = "admissionregistration.k8s.io/"


@dataclass(frozen=True, slots=True)
class ValidateManifests:
    """Check every object below `paths` against its schema and the API server's own validation."""

    paths: tuple[str, ...] = (".",)

    def steps(self, context: StageContext) -> Steps:
        """Check them.

        Raises: StageFailed, with how many are invalid.
        """
        fetched = yield from checkout(context)
        objects, findings = _objects(fetched.files, self.paths)
        findings += [f"{_name(obj)} is invalid: {why}" for obj, why in Trial().refusals(objects)]
        _tell(context, "schema", findings, len(objects))
        return None


@dataclass(frozen=True, slots=True)
class CheckPolicies:
    """Check every object below `paths` against the ValidatingAdmissionPolicies below `policies`."""

    policies: tuple[str, ...]
    paths: tuple[str, ...] = (".",)

    def steps(self, context: StageContext) -> Steps:
        """Check them.

        Raises: StageFailed, with how many are denied.
        """
        fetched = yield from checkout(context)
        if not library.available():
            raise StageFailed("policies cannot be asked: CEL is not installed (pip install cel-expr-python)")
        rules, wrong = _objects(fetched.files, self.policies)
        rules = [rule for rule in rules if rule["apiVersion"].startswith(_POLICY_GROUP)]
        if not rules and not wrong:
            raise StageFailed(f"no ValidatingAdmissionPolicy in {', '.join(self.policies)}")
        objects, findings = _objects(fetched.files, self.paths)
        trial = Trial()
        try:
            trial.hold(rules)
        except StatusError as error:
            raise StageFailed(f"a policy is invalid: {error.message}") from None
        denied = [(obj, why) for obj, why in trial.refusals(objects) if "ValidatingAdmissionPolicy" in why]
        findings = wrong + findings + [f"{_name(obj)}: {why}" for obj, why in denied]
        for warning in trial.warnings:
            context.log(f"Warning: {warning}")
        _tell(context, "policy", findings, len(objects))
        return None


class Trial:
    """An empty API server to try objects on.

    Attributes:
        warnings: what it warned of, in order.
    """

    def __init__(self) -> None:
        engine = Engine(0)
        network = Network()
        network.add_host("trial", kind="control-plane")
        self._server = ApiServer(engine)
        self._client = DirectClient(
            Endpoint(engine, network, self._server, "trial"), ADMIN, "trial", user_agent="ci"
        )
        self.warnings: list[str] = []
        self._client.on_warning = self.warnings.append
        self._spaces: set[str] = set()

    def hold(self, objects: Iterable[Object]) -> None:
        """Put objects into it.

        Raises: StatusError for the first that it refuses.
        """
        for obj in objects:
            self._space_for(obj)
            resource = self._server.catalog.of(obj)
            if resource is not None:
                self._client.now(self._client.create(resource, obj))

    def refusals(self, objects: Sequence[Object]) -> list[tuple[Object, str]]:
        """(object, why) of each that it would not take; definitions of kinds are put in first, as they would be."""
        found: list[tuple[Object, str]] = []
        definitions = [obj for obj in objects if obj["kind"] == "CustomResourceDefinition"]
        for obj in definitions:
            try:
                self.hold([obj])
            except StatusError as error:
                found.append((obj, error.message))
        for obj in objects:
            resource = self._server.catalog.of(obj)
            if obj in definitions:
                continue
            if resource is None:
                found.append((obj, f"could not find schema for {obj['kind']}"))
                continue
            self._space_for(obj)
            try:
                options: Mapping[str, Any] = {"dry_run": True, "field_validation": "Strict"}
                where = (obj["metadata"].get("namespace") or "default") if resource.namespaced else ""
                self._client.now(self._client.create(resource, obj, where, **options))
            except StatusError as error:
                if error.reason != "AlreadyExists":
                    found.append((obj, error.message))
        return found

    def _space_for(self, obj: Object) -> None:
        space = obj["metadata"].get("namespace") or "default"
        if space not in self._spaces:
            self._spaces.add(space)
            made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}
            try:
                self._client.now(self._client.create("namespaces", made))
            except StatusError as error:
                if error.reason != "AlreadyExists":
                    raise


def _objects(files: Mapping[str, bytes], paths: Iterable[str]) -> tuple[list[Object], list[str]]:
    """The objects below some paths, and what cannot be read there."""
    found: list[Object] = []
    wrong: list[str] = []
    for path in paths:
        try:
            found.extend(read_objects(render(files, path)))
        except (RenderError, ManifestError) as error:
            wrong.append(f"{path}: {error}")
    return found, wrong


def _name(obj: Object) -> str:
    return f"{obj['kind']} {obj['metadata'].get('name', '')}"


def _tell(context: StageContext, check: str, findings: list[str], count: int) -> None:
    attest(context, check, findings, passed=not findings)
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise StageFailed(f"{findings[0]}{more}")
    context.log(f"{count} resources found - Valid: {count}, Invalid: 0, Errors: 0, Skipped: 0")
