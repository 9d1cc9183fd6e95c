"""Defaults of pods, pod templates, containers, probes and volumes.

**Imitates:** kubernetes pkg/apis/core/v1/defaults.go (v1.36) and the structs that Go always prints (`resources: {}`,
`securityContext: {}`, a template's `metadata: {}`). Left out: defaults by admission (service account, tolerations,
priority: those are `kcsim.api.admission`), qosClass and phase (the registry strategy), rbd, azure and scaleIO volumes.

**Walk:** pod or template -> spec -> volumes, containers -> ports, env, probes. Templates are remembered by
identity, so the ten thousand pods of one template share one defaulted spec.
"""

from typing import Any, Final

from kcsim.api.defaults.spine import Object, each, each_in, fill, put, within
from kcsim.api.pod_resources import POD_LEVEL, is_pod_level, of_containers

_BOUND: Final = 2048
_FILE_MODE: Final = 0o644

# Immutable specs known by identity, each held so that its identity stays its own; results do not depend on it.
_known_specs: dict[tuple[int, bool], tuple[Object, Object]] = {}


def pod(obj: Object) -> Object:
    """SetObjectDefaults_Pod."""
    return within(obj, "spec", lambda spec: _remembered(spec, of_pod=True))


def pod_template(template: Object | None) -> Object:
    """A PodTemplateSpec; the deployment's, job's and so on."""
    template = fill(template or {}, metadata={})
    return put(template, "spec", _remembered(template.get("spec") or {}, of_pod=False))


def with_template(spec: Object) -> Object:
    """A controller's spec with its `template` defaulted."""
    return put(spec, "template", pod_template(spec.get("template")))


def _remembered(spec: Object, *, of_pod: bool) -> Object:
    key = (id(spec), of_pod)
    known = _known_specs.get(key)
    if known is not None and known[0] is spec:
        return known[1]
    result = _pod_spec(spec)
    if of_pod:
        result = _pod_only(result)
    if len(_known_specs) >= _BOUND:
        _known_specs.clear()
    _known_specs[key] = (spec, result)
    _known_specs[id(result), of_pod] = (result, result)
    return result


def _pod_spec(spec: Object) -> Object:
    spec = each_in(spec, "volumes", volume)
    spec = each_in(spec, "initContainers", container)
    spec = each_in(spec, "containers", container)
    spec = each_in(spec, "ephemeralContainers", container)
    spec = fill(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )
    spec = _service_account_alias(spec)
    if spec.get("hostNetwork"):
        spec = each_in(spec, "initContainers", _host_ports)
        spec = each_in(spec, "containers", _host_ports)
    return spec


def _service_account_alias(spec: Object) -> Object:
    """`serviceAccount` is the deprecated spelling of `serviceAccountName`; each is filled from the other."""
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    return fill(spec, serviceAccountName=name, serviceAccount=name) if name else spec


def _pod_only(spec: Object) -> Object:
    spec = fill(spec, enableServiceLinks=True)
    spec = each_in(spec, "initContainers", _requests_from_limits)
    spec = _requests_of_pod(each_in(spec, "containers", _requests_from_limits))
    # Negative grace periods, once meaning "at once", are stored as one second (measured on create).
    return (
        put(spec, "terminationGracePeriodSeconds", 1) if spec["terminationGracePeriodSeconds"] < 0 else spec
    )


def _requests_of_pod(spec: Object) -> Object:
    """What a pod with limits of its own asks for: what its containers do, else as much as its limits (defaultPodRequests)."""
    resources = spec.get("resources") or {}
    limits = resources.get("limits")
    if not limits:
        return spec
    asked = {
        name: str(amount) for name, amount in of_containers(spec, "requests").items() if name in POD_LEVEL
    }
    whole = {name: amount for name, amount in limits.items() if is_pod_level(name)}
    requests = {**whole, **asked, **(resources.get("requests") or {})}
    return {**spec, "resources": {**resources, "requests": requests}} if requests else spec


def _requests_from_limits(item: Object) -> Object:
    resources = item.get("resources") or {}
    limits = resources.get("limits")
    if not limits:
        return item
    requests = resources.get("requests") or {}
    missing = {name: amount for name, amount in limits.items() if name not in requests}
    if not missing:
        return item
    return {**item, "resources": {**resources, "requests": {**requests, **missing}}}


def _host_ports(item: Object) -> Object:
    return each_in(
        item,
        "ports",
        # A port without a number stays so, and is refused.
        lambda port: port if port.get("hostPort") else {**port, "hostPort": port.get("containerPort") or 0},
    )


def container(item: Object) -> Object:
    """SetDefaults_Container and what hangs below a container."""
    item = each_in(item, "ports", lambda port: fill(port, protocol="TCP"))
    item = each_in(item, "env", _env_var)
    for probe_name in ("livenessProbe", "readinessProbe", "startupProbe"):
        item = within(item, probe_name, probe)
    item = within(item, "lifecycle", _lifecycle)
    return fill(
        item,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy=default_pull_policy(item.get("image") or ""),
    )


def default_pull_policy(image: str) -> str:
    """Always for the tag `latest`, written or implied; IfNotPresent for other tags and for digests alone."""
    name, _, digest = image.partition("@")
    tag = name.rsplit("/", 1)[-1].partition(":")[2]
    return "Always" if image and (tag == "latest" or not (tag or digest)) else "IfNotPresent"


def _env_var(item: Object) -> Object:
    return within(item, "valueFrom", lambda source: within(source, "fieldRef", _field_ref))


def _field_ref(reference: Object) -> Object:
    return fill(reference, apiVersion="v1")


def probe(item: Object) -> Object:
    """SetDefaults_Probe with its handler; zeros mean "default", as an omitted field does."""
    item = {name: value for name, value in item.items() if value != 0} if 0 in item.values() else item
    item = _handler(item)
    return fill(item, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)


def _handler(item: Object) -> Object:
    item = within(item, "httpGet", lambda action: fill(action, path="/", scheme="HTTP"))
    return within(item, "grpc", lambda action: fill(action, service=""))


def _lifecycle(item: Object) -> Object:
    return within(within(item, "postStart", _handler), "preStop", _handler)


# ---- volumes

_MODED: Final = ("secret", "configMap", "downwardAPI", "projected")


def volume(item: Object) -> Object:
    """SetDefaults_Volume: a volume without a source is an emptyDir; files get mode 0644."""
    if len(item) == 1 and "name" in item:
        return {**item, "emptyDir": {}}
    for source in _MODED:
        item = within(item, source, lambda value: fill(value, defaultMode=_FILE_MODE))
    item = within(item, "downwardAPI", _downward_items)
    item = within(item, "projected", lambda value: each_in(value, "sources", _projection))
    item = within(item, "hostPath", lambda value: fill(value, type=""))
    item = within(item, "iscsi", lambda value: fill(value, iscsiInterface="default"))
    return within(item, "ephemeral", lambda value: within(value, "volumeClaimTemplate", _claim_template))


def _downward_items(source: Object) -> Object:
    return each_in(source, "items", lambda entry: within(entry, "fieldRef", _field_ref))


def _projection(source: Object) -> Object:
    source = within(source, "downwardAPI", _downward_items)
    return within(source, "serviceAccountToken", lambda token: fill(token, expirationSeconds=3600))


def _claim_template(template: Object) -> Object:
    return within(fill(template, metadata={}), "spec", claim_spec)


def claim_spec(spec: Object) -> Object:
    """SetDefaults_PersistentVolumeClaimSpec."""
    return fill(spec, volumeMode="Filesystem")


def claim_templates(items: Any) -> Any:
    """The volumeClaimTemplates of a StatefulSet: whole claims, with kind and status, in Go's print."""
    return each(
        items,
        lambda item: within(
            fill(
                item, kind="PersistentVolumeClaim", apiVersion="v1", metadata={}, status={"phase": "Pending"}
            ),
            "spec",
            claim_spec,
        ),
    )
