"""Which fields of which kinds the transformers touch when nobody says otherwise.

**Imitates:** kustomize api/internal/konfig/builtinpluginconsts (one table a transformer) and
api/internal/plugins/builtinconfig. Left out: the back references of Kubernetes kinds that are long gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kcsim.delivery.kustomize.fieldspec import FieldSpec, merge_specs
from kcsim.delivery.kustomize.resources import Gvk, legacy_key

Specs = tuple[FieldSpec, ...]


@dataclass(frozen=True, slots=True)
class BackReferences:
    """A kind whose names others use, and the fields in which they do."""

    target: Gvk
    referrers: Specs


@dataclass(frozen=True, slots=True)
class Config:
    """The field specs of all transformers, as one kustomization file sees them."""

    name_prefix: Specs = ()
    name_suffix: Specs = ()
    namespace: Specs = ()
    common_labels: Specs = ()
    labels: Specs = ()
    template_labels: Specs = ()
    claim_labels: Specs = ()
    common_annotations: Specs = ()
    images: Specs = ()
    replicas: Specs = ()
    variables: Specs = ()
    name_references: tuple[BackReferences, ...] = ()

    def merge(self, other: Config) -> Config:
        """Both, without repeating what either has, sorted by kind as upstream sorts them.

        Raises: FieldPathError when they disagree on creating a field.
        """
        if other is self:
            return self
        merged = {
            name: _sorted(merge_specs(getattr(self, name), getattr(other, name))) for name in _FIELDS.values()
        }
        references = {b.target: b.referrers for b in self.name_references}
        for back in other.name_references:
            references[back.target] = merge_specs(references.get(back.target, ()), back.referrers)
        found = sorted(references.items(), key=lambda item: legacy_key(item[0]))
        return replace(self, **merged, name_references=tuple(BackReferences(t, r) for t, r in found))


def _sorted(specs: Specs) -> Specs:
    return tuple(sorted(specs, key=lambda spec: legacy_key(spec.gvk)))


_FIELDS = {
    "namePrefix": "name_prefix",
    "nameSuffix": "name_suffix",
    "namespace": "namespace",
    "commonLabels": "common_labels",
    "labels": "labels",
    "templateLabels": "template_labels",
    "volumeClaimTemplateLabels": "claim_labels",
    "commonAnnotations": "common_annotations",
    "images": "images",
    "replicas": "replicas",
    "varReference": "variables",
}


def config_of(raw: Mapping[str, Any]) -> Config:
    """The config that a file named under `configurations` holds.

    Raises: KeyError naming a field that does not exist; ValueError when a field has another shape.
    """
    values: dict[str, Any] = {}
    for name, specs in raw.items():
        if name == "nameReference":
            values["name_references"] = tuple(
                BackReferences(_gvk(entry), field_specs(entry.get("fieldSpecs"))) for entry in _maps(specs)
            )
        else:
            values[_FIELDS[name]] = field_specs(specs)
    return Config(**values)


def field_specs(raw: Any) -> Specs:
    """Field specs as files write them.

    Raises: ValueError.
    """
    return tuple(FieldSpec(s.get("path") or "", bool(s.get("create")), _gvk(s)) for s in _maps(raw))


def _maps(raw: Any) -> list[Mapping[str, Any]]:
    if raw is None:
        return []
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        raise ValueError("a list of objects is expected")
    return raw


def _gvk(raw: Mapping[str, Any]) -> Gvk:
    return Gvk(raw.get("group") or "", raw.get("version") or "", raw.get("kind") or "")


# ---------------------------------------------------------------- the tables

_TEMPLATE = "spec/template"
_CRON_TEMPLATE = "spec/jobTemplate/spec/template"


def _specs(path: str, kinds: str, *, create: bool = False) -> Specs:
    """One path in several kinds, written `group/Kind` or `Kind` (any group)."""
    return tuple(FieldSpec(path, create, _named(kind)) for kind in kinds.split())


def _named(kind: str) -> Gvk:
    group, _, name = kind.rpartition("/")
    return Gvk(group=group, kind=name)


def _join(*groups: Iterable[FieldSpec]) -> Specs:
    return tuple(spec for group in groups for spec in group)


def _metadata(field: str) -> Specs:
    """Labels or annotations of objects and of the pod templates in them."""
    return _join(
        [FieldSpec(f"metadata/{field}", create=True)],
        [
            FieldSpec(
                f"{_TEMPLATE}/metadata/{field}",
                create=True,
                gvk=Gvk(version="v1", kind="ReplicationController"),
            )
        ],
        _specs(f"{_TEMPLATE}/metadata/{field}", "Deployment ReplicaSet DaemonSet", create=True),
        _specs(
            f"{_TEMPLATE}/metadata/{field}",
            "apps/StatefulSet batch/Job" if field == "labels" else "StatefulSet batch/Job",
            create=True,
        ),
        _specs(f"spec/jobTemplate/metadata/{field}", "batch/CronJob", create=True),
        _specs(f"{_CRON_TEMPLATE}/metadata/{field}", "batch/CronJob", create=True),
    )


_CLAIM_LABELS = _specs("spec/volumeClaimTemplates[]/metadata/labels", "apps/StatefulSet", create=True)


def _selectors() -> Specs:
    core = [
        FieldSpec("spec/selector", create=True, gvk=Gvk(version="v1", kind=kind))
        for kind in ("Service", "ReplicationController")
    ]
    affinity = [
        f"{_TEMPLATE}/spec/affinity/{kind}/{when}"
        for kind in ("podAffinity", "podAntiAffinity")
        for when in (
            "preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm",
            "requiredDuringSchedulingIgnoredDuringExecution",
        )
    ]
    scheduling = [
        f"{place}/labelSelector/matchLabels"
        for place in (*affinity, f"{_TEMPLATE}/spec/topologySpreadConstraints")
    ]
    policies = [f"spec/{place}podSelector/matchLabels" for place in ("", "ingress/from/", "egress/to/")]
    return _join(
        core,
        _specs("spec/selector/matchLabels", "Deployment ReplicaSet DaemonSet apps/StatefulSet", create=True),
        *(_specs(path, "apps/Deployment apps/StatefulSet") for path in scheduling),
        _specs("spec/selector/matchLabels", "batch/Job policy/PodDisruptionBudget"),
        _specs("spec/jobTemplate/spec/selector/matchLabels", "batch/CronJob"),
        *(_specs(path, "networking.k8s.io/NetworkPolicy") for path in policies),
    )


_POD_PLACES = (
    ("Pod", "spec"),
    ("PodTemplate", "template/spec"),
    *(
        (kind, f"{_TEMPLATE}/spec")
        for kind in ("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "Job")
    ),
    ("CronJob", f"{_CRON_TEMPLATE}/spec"),
)
"""(kind, path of the pod spec) of everything that holds one."""


def _in_pods(paths: Iterable[str]) -> Specs:
    return tuple(
        FieldSpec(f"{place}/{path}", gvk=Gvk(version="v1" if kind == "Pod" else "", kind=kind))
        for kind, place in _POD_PLACES
        for path in paths
    )


def _users(path: str) -> Specs:
    """A field of a pod spec, in the kinds for which upstream follows it."""
    kinds = {"StatefulSet", "Deployment", "Job", "DaemonSet", "CronJob", "Pod"}
    places = [(kind, place) for kind, place in _POD_PLACES if kind in kinds]
    places.append(("ReplicationController", f"{_TEMPLATE}/spec"))
    return tuple(FieldSpec(f"{place}/{path}", gvk=Gvk(kind=kind)) for kind, place in places)


def _sources(kind: str, volume: str) -> list[str]:
    """Where a pod spec names a ConfigMap or Secret."""
    containers = ("containers", "initContainers")
    return [
        volume,
        f"volumes/projected/sources/{kind}/name",
        *(f"{c}/env/valueFrom/{kind}KeyRef/name" for c in containers),
        *(f"{c}/envFrom/{kind}Ref/name" for c in containers),
    ]


def _back(kind: str, *referrers: Iterable[FieldSpec], group: str = "", version: str = "") -> BackReferences:
    return BackReferences(Gvk(group, version, kind), _join(*referrers))


_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_ROLES = _specs("rules/resourceNames", "Role ClusterRole")
_SCALED = "Deployment ReplicationController ReplicaSet StatefulSet"

_NAME_REFERENCES = (
    *(_back(kind, _specs("spec/scaleTargetRef/name", "HorizontalPodAutoscaler")) for kind in _SCALED.split()),
    _back(
        "ConfigMap",
        _in_pods(_sources("configMap", "volumes/configMap/name")),
        _specs("spec/configSource/configMap", "Node"),
        _ROLES,
        _specs("metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap", "Ingress"),
        version="v1",
    ),
    _back(
        "Secret",
        _in_pods([*_sources("secret", "volumes/secret/secretName"), "imagePullSecrets/name"]),
        _specs("spec/tls/secretName", "Ingress"),
        *(
            _specs(f"metadata/annotations/{name}", "Ingress")
            for name in (
                "ingress.kubernetes.io\\/auth-secret",
                "nginx.ingress.kubernetes.io\\/auth-secret",
                "nginx.ingress.kubernetes.io\\/auth-tls-secret",
            )
        ),
        _specs("imagePullSecrets/name", "ServiceAccount"),
        *(
            _specs(f"parameters/{name}", "StorageClass")
            for name in ("secretName", "adminSecretName", "userSecretName", "secretRef")
        ),
        _ROLES,
        [
            FieldSpec(
                f"{_TEMPLATE}/spec/containers/env/valueFrom/secretKeyRef/name",
                gvk=Gvk("serving.knative.dev", "v1", "Service"),
            )
        ],
        _specs("spec/azureFile/secretName", "PersistentVolume"),
        version="v1",
    ),
    _back(
        "Service",
        _specs("spec/serviceName", "apps/StatefulSet"),
        *(
            _specs(path, "Ingress")
            for path in (
                "spec/rules/http/paths/backend/serviceName",
                "spec/backend/serviceName",
                "spec/rules/http/paths/backend/service/name",
                "spec/defaultBackend/service/name",
            )
        ),
        _specs("spec/service/name", "apiregistration.k8s.io/APIService"),
        _specs(
            "webhooks/clientConfig/service",
            f"{_ADMISSION}/ValidatingWebhookConfiguration {_ADMISSION}/MutatingWebhookConfiguration",
        ),
        version="v1",
    ),
    _back("Role", _specs("roleRef/name", f"{_RBAC}/RoleBinding"), group=_RBAC),
    _back(
        "ClusterRole", _specs("roleRef/name", f"{_RBAC}/RoleBinding {_RBAC}/ClusterRoleBinding"), group=_RBAC
    ),
    _back(
        "ServiceAccount",
        _specs("subjects", f"{_RBAC}/RoleBinding {_RBAC}/ClusterRoleBinding"),
        _users("serviceAccountName"),
        version="v1",
    ),
    _back("PersistentVolumeClaim", _users("volumes/persistentVolumeClaim/claimName"), version="v1"),
    _back(
        "PersistentVolume",
        _specs("spec/volumeName", "PersistentVolumeClaim"),
        _specs("rules/resourceNames", "ClusterRole"),
        version="v1",
    ),
    _back(
        "StorageClass",
        _specs("spec/storageClassName", "PersistentVolume PersistentVolumeClaim"),
        _specs("spec/volumeClaimTemplates/spec/storageClassName", "StatefulSet"),
        group="storage.k8s.io",
        version="v1",
    ),
    _back("PriorityClass", _users("priorityClassName"), group="scheduling.k8s.io", version="v1"),
    _back(
        "ValidatingAdmissionPolicy",
        _specs("spec/policyName", f"{_ADMISSION}/ValidatingAdmissionPolicyBinding"),
        group=_ADMISSION,
    ),
)


def _variables() -> Specs:
    fields = [
        f"{group}/{name}"
        for group in ("containers", "initContainers")
        for name in ("args", "command", "env/value", "volumeMounts/mountPath")
    ]
    places = [(kind, place) for kind, place in _POD_PLACES if kind != "PodTemplate"]
    in_pods = [FieldSpec(f"{place}/{name}", gvk=Gvk(kind=kind)) for kind, place in places for name in fields]
    # As upstream's table has it: without `spec` in a CronJob, and of a StatefulSet only its claims.
    volumes = [(kind, place) for kind, place in places if kind not in ("CronJob", "StatefulSet")]
    volumes.append(("CronJob", _CRON_TEMPLATE))
    return _join(
        in_pods,
        [FieldSpec(f"{place}/volumes/nfs/server", gvk=Gvk(kind=kind)) for kind, place in volumes],
        _specs(f"{_TEMPLATE}/metadata/annotations", "Deployment"),
        *(_specs(f"spec/{name}", "Ingress") for name in ("rules/host", "tls/hosts", "tls/secretName")),
        *(_specs(f"spec/ports/{name}", "Service") for name in ("port", "targetPort")),
        _specs("spec/volumeClaimTemplates/spec/nfs/server", "StatefulSet"),
        _specs("spec/nfs/server", "PersistentVolume"),
        [FieldSpec("metadata/labels"), FieldSpec("metadata/annotations")],
    )


_IMAGES = tuple(
    FieldSpec(f"{place}/{name}", create=True)
    for place in ("spec", f"{_TEMPLATE}/spec")
    for name in ("containers[]/image", "initContainers[]/image", "volumes[]/image/reference")
)

_TABLES = Config(
    name_prefix=(FieldSpec("metadata/name"),),
    name_suffix=(FieldSpec("metadata/name"),),
    namespace=_join(
        _specs("metadata/name", "Namespace", create=True),
        _specs("spec/service/namespace", "apiregistration.k8s.io/APIService", create=True),
        _specs(
            "spec/conversion/webhook/clientConfig/service/namespace",
            "apiextensions.k8s.io/CustomResourceDefinition",
        ),
    ),
    common_labels=_join(_selectors(), _metadata("labels"), _CLAIM_LABELS),
    template_labels=_metadata("labels"),
    claim_labels=_CLAIM_LABELS,
    common_annotations=_metadata("annotations"),
    images=_IMAGES,
    replicas=_specs("spec/replicas", _SCALED, create=True),
    variables=_variables(),
    name_references=_NAME_REFERENCES,
)

DEFAULT = Config().merge(_TABLES)
"""What kustomize does without any `configurations`."""
