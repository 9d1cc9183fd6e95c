"""ConfigMaps and Secrets from literals, files and credentials (kubectl ``pkg/cmd/create/create_{configmap,secret*}.go``).

Differs: whether the key of a TLS secret belongs to its certificate is not looked at.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

from kcsim.api import names
from kcsim.api.objects import Object
from kcsim.kubectl.creators.common import head
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session

_REGISTRY = "https://index.docker.io/v1/"
_PEM = re.compile(rb"-----BEGIN ([^-]+)-----")
_DIGITS = str.maketrans("013ae", "ghkmt")
Add = Callable[[str, bytes], None]
"""Takes one entry, or refuses it."""


def config_map(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create configmap``."""
    del what
    data: dict[str, str] = {}
    binary: dict[str, str] = {}

    def add(key: str, value: bytes) -> None:
        wrong = names.is_config_map_key(key)
        if wrong:
            raise KubectlError(f'error: "{key}" is not a valid key name for a ConfigMap: {",".join(wrong)}')
        for field, there in (("Data", data), ("BinaryData", binary)):
            if key in there:
                raise KubectlError(
                    f'error: cannot add key "{key}", another key by that name already exists in {field} '
                    f'for ConfigMap "{name}"'
                )
        try:
            data[key] = value.decode()
        except UnicodeDecodeError:
            binary[key] = _encoded(value)

    _gather(session, arguments, add)
    if arguments.on("append-hash"):
        content: Object = {"data": data, "kind": "ConfigMap", "name": name}
        name = _hashed(name, {"binaryData": binary, **content} if binary else content)
    obj = head("v1", "ConfigMap", name)
    return obj | ({"data": data} if data else {}) | ({"binaryData": binary} if binary else {})


def secret(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create secret generic``, ``tls`` and ``docker-registry``."""
    kind = what.partition(" ")[2]
    data: dict[str, str] = {}

    def add(key: str, value: bytes) -> None:
        wrong = names.is_config_map_key(key)
        if wrong:
            raise KubectlError(f'error: "{key}" is not valid key name for a Secret {";".join(wrong)}')
        if key in data:
            raise KubectlError(f"error: cannot add key {key}, another key by that name already exists")
        data[key] = _encoded(value)

    if kind == "tls":
        typed = "kubernetes.io/tls"
        _tls(session, arguments, add)
    elif kind == "docker-registry":
        typed = "kubernetes.io/dockerconfigjson"
        _docker(session, arguments, add)
    elif kind == "generic":
        typed = arguments.get("type")
        _gather(session, arguments, add)
    else:
        raise KubectlError(
            f"error: unknown command \"{kind}\"\nSee 'kubectl create secret -h' for help and examples"
        )
    if arguments.on("append-hash"):
        name = _hashed(name, {"data": data, "kind": "Secret", "name": name, "type": typed})
    obj = head("v1", "Secret", name)
    return obj | ({"data": data} if data else {}) | ({"type": typed} if typed else {})


def _hashed(name: str, content: Object) -> str:
    """The name with a hash of the content (kubectl ``pkg/util/hash``)."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&":  # Go's encoder escapes them
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:10].translate(_DIGITS)}"


def _gather(session: Session, arguments: Arguments, add: Add) -> None:
    """The entries of --from-file, --from-literal and --from-env-file, in this order."""
    if arguments.flags.get("from-env-file") and (
        arguments.flags.get("from-file") or arguments.flags.get("from-literal")
    ):
        raise KubectlError("error: from-env-file cannot be combined with from-file or from-literal")
    _add_files(session, arguments, add)
    for item in arguments.flags.get("from-literal", ()):
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise KubectlError(f"error: invalid literal source {item}, expected key=value")
        add(key, value.encode())
    for path in arguments.flags.get("from-env-file", ()):
        for key, value in _env_lines(path, _file(session, path).decode()):
            add(key, value.encode())


def _add_files(session: Session, arguments: Arguments, add: Add) -> None:
    for item in arguments.flags.get("from-file", ()):
        key, path = _file_source(item)
        inside = _folder(session, path)
        if inside and "=" in item:
            raise KubectlError("error: cannot give a key name for a directory path")
        for entry in inside:
            if not names.is_config_map_key(entry):
                add(entry, _file(session, f"{path.rstrip('/')}/{entry}"))
        if not inside:
            add(key, _file(session, path))


def _file_source(item: str) -> tuple[str, str]:
    """The key and the path of ``key=path`` or ``path`` (``pkg/util/util.go``, ParseFileSource)."""
    key, equals, path = item.partition("=")
    if not equals:
        return item.rpartition("/")[2], item
    if not key:
        raise KubectlError(f"error: key name for file path {path} missing")
    if not path:
        raise KubectlError(f"error: file path for key name {key} missing")
    if "=" in path:
        raise KubectlError("error: key names or file paths cannot contain '='")
    return key, path


def _folder(session: Session, path: str) -> list[str]:
    """The files right below a folder, by name; none where the path is no folder."""
    under = path.rstrip("/") + "/"
    below = (known[len(under) :] for known in session.files if known.startswith(under))
    return sorted(entry for entry in below if "/" not in entry)


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


def _file(session: Session, path: str) -> bytes:
    content = session.files.get(path)
    if content is None:
        raise KubectlError(f"error: error reading {path}: no such file or directory")
    return content.encode() if isinstance(content, str) else bytes(content)


def _encoded(value: bytes) -> str:
    return b64encode(value).decode()


def _tls(session: Session, arguments: Arguments, add: Add) -> None:
    if not arguments.get("cert") or not arguments.get("key"):
        raise KubectlError("error: key and cert must be specified")
    for flag, key, what in (("cert", "tls.crt", "certificate"), ("key", "tls.key", "key")):
        path = arguments.get(flag)
        if path not in session.files:
            raise KubectlError(f"error: Cannot read file {path}, open {path}: no such file or directory")
        text = _file(session, path)
        blocks = [name.decode() for name in _PEM.findall(text)]
        if not blocks:
            raise KubectlError(f"error: tls: failed to find any PEM data in {what} input")
        if flag == "cert" and "CERTIFICATE" not in blocks:
            raise KubectlError(
                'error: tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks '
                f"of the following types: [{' '.join(blocks)}]"
            )
        add(key, text)


def _docker(session: Session, arguments: Arguments, add: Add) -> None:
    if arguments.flags.get("from-file"):
        _add_files(session, arguments, add)
        return
    user, password = arguments.get("docker-username"), arguments.get("docker-password")
    server = arguments.get("docker-server", _REGISTRY)
    if not (user and password and server):
        raise KubectlError(
            "error: either --from-file or the combination of --docker-username, --docker-password and "
            "--docker-server is required"
        )
    entry: dict[str, Any] = {"username": user, "password": password}
    if arguments.get("docker-email"):
        entry["email"] = arguments.get("docker-email")
    entry["auth"] = _encoded(f"{user}:{password}".encode())
    config = {"auths": {server: entry}}
    add(".dockerconfigjson", json.dumps(config, separators=(",", ":")).encode())
