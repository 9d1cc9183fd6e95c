"""The volume through which a container gets its service account's token, the root certificate and its namespace.

**Imitates:** kubernetes ``plugin/pkg/admission/serviceaccount/admission.go`` (TokenVolumeSource, mountServiceAccountToken;
v1.36).
"""

from __future__ import annotations

from kcsim.api.objects import Object

MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
PREFIX = "kube-api-access-"
_EXPIRES_S = 3607


def with_token(spec: Object, suffix: str) -> Object:
    """A pod spec whose containers mount the token, but for those that mount something there already."""
    volumes = list(spec.get("volumes") or ())
    name = next((v["name"] for v in volumes if v["name"].startswith(PREFIX)), "")
    fresh = not name
    name = name or f"{PREFIX}{suffix}"
    mounted = False
    new = dict(spec)
    for field in ("initContainers", "containers"):
        containers = []
        for container in spec.get(field) or ():
            mounts = container.get("volumeMounts") or []
            if not any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
                mount = {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}
                container = {**container, "volumeMounts": [*mounts, mount]}
                mounted = True
            containers.append(container)
        if field in spec:
            new[field] = containers
    if mounted and fresh:
        new["volumes"] = [*volumes, _volume(name)]
    return new if mounted else spec


def _volume(name: str) -> Object:
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": _EXPIRES_S, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}
