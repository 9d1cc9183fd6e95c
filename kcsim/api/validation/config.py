"""Validation of ConfigMaps and Secrets.

**Imitates:** ValidateConfigMap, ValidateSecret and their updates in kubernetes pkg/apis/core/validation/validation.go
(v1.36).
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import gojson, names
from kcsim.api.gotext import json_word
from kcsim.api.validation.common import immutable, total_size
from kcsim.api.validation.field import Errors, each_invalid, forbidden, invalid, required

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_JSON: Final = frozenset({".dockercfg", ".dockerconfigjson"})
_FROZEN: Final = "field is immutable when `immutable` is set"


def config_map(obj: Mapping[str, Any]) -> Errors:
    """ValidateConfigMap."""
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    errors: Errors = []
    for key in sorted(data):
        errors += each_invalid(f"data[{key}]", key, names.is_config_map_key(key))
        if key in binary:
            errors.append(invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
    for key in sorted(binary):
        errors += each_invalid(f"binaryData[{key}]", key, names.is_config_map_key(key))
    return errors + total_size("", data, binary)


def secret(obj: Mapping[str, Any]) -> Errors:
    """ValidateSecret."""
    data = obj.get("data") or {}
    errors: Errors = []
    for key in sorted(data):
        errors += each_invalid(f"data[{key}]", key, names.is_config_map_key(key))
    errors += total_size("data", None, data)
    kind = obj.get("type")
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        errors += [required("data[username]"), required("data[password]")]
    if kind == "kubernetes.io/service-account-token":
        annotations = (obj.get("metadata") or {}).get("annotations") or {}
        name = "kubernetes.io/service-account.name"
        if not annotations.get(name):
            errors.append(required(f"metadata.annotations[{name}]"))
    for key in _NEEDED.get(kind or "", ()):
        if key not in data:
            errors.append(required(f"data[{key}]"))
        elif key in _JSON:
            why = _no_object(data[key])
            errors += [invalid(f"data[{key}]", "<secret contents redacted>", why)] if why else []
    return errors


def _no_object(encoded: str) -> str:
    """Why encoding/json reads no object from a value."""
    text = base64.b64decode(encoded).decode("utf-8", "replace")
    try:
        value, _ = gojson.loads(text)
    except gojson.JsonSyntaxError as error:
        return str(error)
    if value is None or isinstance(value, dict):
        return ""
    word = "bool" if isinstance(value, bool) else json_word(value)
    return f"json: cannot unmarshal {word} into Go value of type map[string]interface {{}}"


def config_map_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidateConfigMapUpdate."""
    return _frozen(new, old, ("data", "binaryData"))


def secret_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidateSecretUpdate."""
    return immutable("type", new.get("type"), old.get("type")) + _frozen(new, old, ("data",))


def _frozen(new: Mapping[str, Any], old: Mapping[str, Any], fields: tuple[str, ...]) -> Errors:
    if not old.get("immutable"):
        return []
    errors: Errors = []
    if not new.get("immutable"):
        errors.append(forbidden("immutable", _FROZEN))
    changed = [name for name in fields if (new.get(name) or {}) != (old.get(name) or {})]
    return errors + [forbidden(name, _FROZEN) for name in changed]
