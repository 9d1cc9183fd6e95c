"""PodSecurity: namespaces say by labels what their pods may be; who asks for more is refused or warned.

**Imitates:** ``pod-security-admission/admission`` and ``api`` (v1.36), as the API server configures them: everything is privileged
where no label says otherwise, and nobody is exempt. Left out: what would be written for the audit, and how long a look at the
pods of a namespace may take.

**Walk:** a namespace is written -> ``policy_of`` its labels is kept -> a pod is created or gets another image -> ``judge`` refuses or
warns; of Deployments and their like it only warns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from kcsim.api import objects, status
from kcsim.api.admission.pod_security_checks import BASELINE, RESTRICTED, violations
from kcsim.api.admission.request import AdmissionRequest
from kcsim.api.log import Log
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.validation.field import FieldError, invalid

PREFIX = "pod-security.kubernetes.io/"
PRIVILEGED = "privileged"
LEVELS: Final = (PRIVILEGED, BASELINE, RESTRICTED)
_LATEST = "latest"
_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)")
_NO_LIMIT = 1 << 30
_UNJUDGED = frozenset("exec attach binding eviction log portforward proxy status".split())
"""Sub-resources of pods that change nothing of what is judged."""
_TEMPLATES: Final[dict[str, tuple[str, ...]]] = {
    "replicationcontrollers": ("spec", "template"),
    "podtemplates": ("template",),
    "replicasets.apps": ("spec", "template"),
    "deployments.apps": ("spec", "template"),
    "statefulsets.apps": ("spec", "template"),
    "daemonsets.apps": ("spec", "template"),
    "jobs.batch": ("spec", "template"),
    "cronjobs.batch": ("spec", "jobTemplate", "spec", "template"),
}
"""Where other kinds keep what they make pods of."""


class Standard(NamedTuple):
    """A level in a version."""

    level: str = PRIVILEGED
    version: str = _LATEST

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"

    def violations(self, metadata: Object, spec: Object) -> str:
        """What a pod violates, told in full; "" where it violates nothing."""
        return ", ".join(map(str, violations(self.level, self.minor, metadata, spec)))

    def reasons(self, metadata: Object, spec: Object) -> str:
        """The same in brief."""
        return ", ".join(found.reason for found in violations(self.level, self.minor, metadata, spec))

    @property
    def minor(self) -> int:
        """The minor version of Kubernetes whose standards are meant."""
        return _NO_LIMIT if self.version == _LATEST else int(self.version.partition(".")[2])


class Policy(NamedTuple):
    """What a namespace asks for."""

    enforce: Standard = Standard()
    warn: Standard = Standard()


_NOTHING = Policy()


def policy_of(labels: Object) -> tuple[Policy, list[FieldError]]:
    """The policy that labels ask for, and what is wrong with them (PolicyToEvaluate).

    What cannot be read counts as the strictest for ``enforce``, and as nothing for the others. Who is told nothing of
    warnings is warned of what will be refused.
    """
    wrong: list[FieldError] = []
    found: dict[str, Standard] = {}
    for mode, otherwise in (("enforce", RESTRICTED), ("audit", PRIVILEGED), ("warn", PRIVILEGED)):
        label = f"{PREFIX}{mode}"
        level, version = labels.get(label, PRIVILEGED), labels.get(f"{label}-version", _LATEST)
        if level not in LEVELS:
            wrong.append(invalid(f"metadata.labels[{label}]", level, f"must be one of {', '.join(LEVELS)}"))
            level = otherwise
        if version != _LATEST and not _VERSION.fullmatch(version):
            path = f"metadata.labels[{label}-version]"
            wrong.append(invalid(path, version, 'must be "latest" or "v1.x"'))
            version = _LATEST
        found[mode] = Standard(level, version)
    enforce, warn = found["enforce"], found["warn"]
    if f"{PREFIX}warn" not in labels and labels.get(f"{PREFIX}enforce") in LEVELS:
        warn = enforce
    return Policy(enforce, warn), wrong


class PodSecurity:
    """The plugin of one API server.

    Attributes:
        any: whether any namespace asks for something.
    """

    def __init__(self, log: Log, namespaces: Resource, pods: Resource) -> None:
        self._log = log
        self._pods = pods
        self._policies: dict[str, Policy] = {}
        self.any = False
        self._watch = log.watch(namespaces, self._written)

    def _written(self) -> None:
        for kind, version in self._watch.take():
            policy, _ = policy_of(objects.labels(version.object))
            if kind == "DELETED" or policy == _NOTHING:
                self._policies.pop(version.key[1], None)
            else:
                self._policies[version.key[1]] = policy
        self.any = bool(self._policies)

    def judge(self, request: AdmissionRequest) -> None:
        """Refuse a pod, or warn of it or of what would make such pods.

        Raises:
            StatusError: 403, naming what it violates.
        """
        policy = self._policies.get(request.namespace)
        obj = request.object
        if policy is None or obj is None:
            return
        if request.resource is self._pods:
            if request.subresource in _UNJUDGED or (
                request.old is not None and not _matters(obj, request.old)
            ):
                return
            if found := policy.enforce.violations(obj["metadata"], obj["spec"]):
                raise request.forbidden(f'violates PodSecurity "{policy.enforce}": {found}')
            self._warn(request, policy, obj["metadata"], obj["spec"])
        elif not request.subresource and (path := _TEMPLATES.get(request.resource.group_resource)):
            template = objects.get_in(obj, path)
            if template is not None:
                self._warn(request, policy, template.get("metadata") or {}, template["spec"])

    @staticmethod
    def _warn(request: AdmissionRequest, policy: Policy, metadata: Object, spec: Object) -> None:
        if found := policy.warn.violations(metadata, spec):
            request.warnings.append(f'would violate PodSecurity "{policy.warn}": {found}')

    def check_namespace(self, request: AdmissionRequest) -> None:
        """Refuse labels that cannot be read; warn of pods that a stricter level finds in the namespace.

        Raises:
            StatusError: 422.
        """
        new, old = request.object, request.old
        if new is None or request.subresource:
            return
        policy, wrong = policy_of(objects.labels(new))
        before, wrong_before = policy_of(objects.labels(old)) if old is not None else (_NOTHING, [])
        if wrong and list(map(str, wrong)) != list(map(str, wrong_before)):
            raise status.invalid("", "Namespace", objects.name(new), wrong)
        now, was = policy.enforce, before.enforce
        if old is None or now == was or now.level == PRIVILEGED:
            return
        if now.version == was.version and LEVELS.index(now.level) < LEVELS.index(was.level):
            return
        name = objects.name(new)
        pods = [version.object for version in self._log.list(self._pods, name)]
        request.warnings.extend(_existing(name, now, pods))


def _existing(namespace: str, standard: Standard, pods: Iterable[Object]) -> list[str]:
    """What is said of the pods that violate a namespace's new level (EvaluatePodsInNamespace)."""
    names: dict[str, list[str]] = {}
    for pod in pods:
        if reasons := standard.reasons(pod["metadata"], pod["spec"]):
            names.setdefault(reasons, []).append(objects.name(pod))
    if not names:
        return []
    told = []
    for reasons, of in names.items():
        others = len(of) - 1
        also = f" (and {others} other pod{'s' if others > 1 else ''})" if others else ""
        told.append(f"{min(of)}{also}: {reasons}")
    head = f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{standard}"'
    return [head, *sorted(told)]


def _matters(new: Object, old: Object) -> bool:
    """Whether an update of a pod changes what is judged: an image, or which containers there are."""
    kinds = ("initContainers", "containers", "ephemeralContainers")
    images = [
        [[(c["name"], c.get("image")) for c in pod["spec"].get(kind) or ()] for kind in kinds]
        for pod in (new, old)
    ]
    return images[0] != images[1]
