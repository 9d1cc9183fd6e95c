"""ConfigMaps and Secrets from literals, files and credentials (kubectl ``pkg/cmd/create/create_{configmap,secret*}.go``)."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator

from kcsim.api.objects import Object
from kcsim.kubectl.creators.common import head, required
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session

_REGISTRY = "https://index.docker.io/v1/"


def config_map(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create configmap``."""
    del what
    data = {key: _text(value) for key, value in _entries(session, arguments).items()}
    obj = head("v1", "ConfigMap", name)
    return {**obj, "data": data} if data else obj


def secret(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create secret generic``, ``tls`` and ``docker-registry``."""
    kind = what.partition(" ")[2]
    if kind == "tls":
        return _tls(session, arguments, name)
    if kind == "docker-registry":
        return _docker(arguments, name)
    if kind != "generic":
        raise KubectlError(
            f"error: unknown command \"{kind}\"\nSee 'kubectl create secret -h' for help and examples"
        )
    data = {key: _encoded(value) for key, value in _entries(session, arguments).items()}
    obj = head("v1", "Secret", name)
    if data:
        obj["data"] = data
    return {**obj, "type": arguments.get("type")} if arguments.get("type") else obj


def _entries(session: Session, arguments: Arguments) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for item in arguments.flags.get("from-file", ()):
        key, equals, path = item.partition("=")
        key, path = (key, path) if equals else (item.rpartition("/")[2], item)
        _add(found, key, _file(session, path))
    for path in arguments.flags.get("from-env-file", ()):
        for key, value in _env_lines(path, _file(session, path).decode()):
            _add(found, key, value.encode())
    for item in arguments.flags.get("from-literal", ()):
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise KubectlError(f"error: invalid literal source {item}, expected key=value")
        _add(found, key, value.encode())
    return found


def _env_lines(path: str, text: str) -> Iterator[tuple[str, str]]:
    """The pairs of an env file: blank lines and comments are passed over (pkg/util/env_file.go)."""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.lstrip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not key or any(c.isspace() for c in key):
            raise KubectlError(f'error: "{path}:{number}": "{key}" is not a valid key name')
        # A key alone takes its value from the shell, which has none here.
        if equals:
            yield key, value


def _add(found: dict[str, bytes], key: str, value: bytes) -> None:
    if key in found:
        raise KubectlError(f"error: cannot add key {key}, another key by that name already exists")
    found[key] = value


def _file(session: Session, path: str) -> bytes:
    content = session.files.get(path)
    if content is None:
        raise KubectlError(f"error: error reading {path}: no such file or directory")
    return content.encode() if isinstance(content, str) else bytes(content)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise KubectlError("error: kcsim makes ConfigMaps of text only: this file is none") from None


def _encoded(value: bytes) -> str:
    return b64encode(value).decode()


def _tls(session: Session, arguments: Arguments, name: str) -> Object:
    if not arguments.get("cert") or not arguments.get("key"):
        raise KubectlError("error: key and cert must be specified")
    data = {"tls.crt": _file(session, arguments.get("cert")), "tls.key": _file(session, arguments.get("key"))}
    encoded = {key: _encoded(value) for key, value in data.items()}
    return {**head("v1", "Secret", name), "data": encoded, "type": "kubernetes.io/tls"}


def _docker(arguments: Arguments, name: str) -> Object:
    user, password = required(arguments, "docker-username"), required(arguments, "docker-password")
    entry = {"username": user, "password": password}
    if arguments.get("docker-email"):
        entry["email"] = arguments.get("docker-email")
    entry["auth"] = _encoded(f"{user}:{password}".encode())
    config = {"auths": {arguments.get("docker-server", _REGISTRY): entry}}
    data = {".dockerconfigjson": _encoded(json.dumps(config, separators=(",", ":")).encode())}
    return {**head("v1", "Secret", name), "data": data, "type": "kubernetes.io/dockerconfigjson"}
