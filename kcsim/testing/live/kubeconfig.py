"""Reading a kubeconfig: where the API server is and who one is there.

**Imitates:** client-go ``tools/clientcmd`` for what a test needs: contexts, CA, client certificates, tokens, token files. Left
out, and refused by name: exec plugins, auth providers, passwords, proxies.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kcsim.manifests import ManifestError, documents

_REFUSED = ("exec", "auth-provider", "username", "password", "as")


class KubeconfigError(ValueError):
    """The kubeconfig cannot be used; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """A way to an API server.

    Attributes:
        server: its URL.
        namespace: of the context; ``default`` when it names none.
        ca, certificate, key: PEM bytes, empty when there are none.
        token: a bearer token, "" when there is none.
        insecure: whether the server's certificate is not looked at.
    """

    server: str
    namespace: str = "default"
    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = b""
    token: str = ""
    insecure: bool = False


def load(path: str | Path | None = None, context: str = "") -> Kubeconfig:
    """The kubeconfig in a file: the one given, that of ``$KUBECONFIG``, or ``~/.kube/config``.

    Raises:
        KubeconfigError: there is none, it cannot be read, or it asks for what is not supported.
    """
    file = Path(path or os.environ.get("KUBECONFIG", "") or Path.home() / ".kube" / "config").expanduser()
    try:
        found = documents(file.read_bytes(), str(file))
    except OSError as error:
        raise KubeconfigError(f"{file}: {error.strerror or error}") from error
    except ManifestError as error:
        raise KubeconfigError(str(error)) from error
    whole = found[0].value if found else None
    if not isinstance(whole, dict):
        raise KubeconfigError(f"{file}: this is no kubeconfig")
    called = context or whole.get("current-context") or ""
    chosen = _named(file, whole, "contexts", called).get("context") or {}
    cluster = _named(file, whole, "clusters", chosen.get("cluster", "")).get("cluster") or {}
    user = _named(file, whole, "users", chosen.get("user", "")).get("user") or {}
    for word in _REFUSED:
        if word in user:
            raise KubeconfigError(
                f"{file}: user {chosen.get('user')!r} has {word!r}, which is not supported: use a token or certificate"
            )
    if "proxy-url" in cluster:
        raise KubeconfigError(
            f"{file}: cluster {chosen.get('cluster')!r} has a proxy-url, which is not supported"
        )
    if not cluster.get("server"):
        raise KubeconfigError(f"{file}: cluster {chosen.get('cluster')!r} has no server")
    token = user.get("token") or ""
    if not token and user.get("tokenFile"):
        token = _file(file, user["tokenFile"]).decode().strip()
    return Kubeconfig(
        server=str(cluster["server"]).rstrip("/"),
        namespace=chosen.get("namespace") or "default",
        ca=_data(file, cluster, "certificate-authority"),
        certificate=_data(file, user, "client-certificate"),
        key=_data(file, user, "client-key"),
        token=token,
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
    )


def _named(file: Path, whole: Mapping[str, Any], section: str, name: str) -> Mapping[str, Any]:
    items = [item for item in whole.get(section) or () if isinstance(item, dict)]
    for item in items:
        if item.get("name") == name:
            return item
    known = ", ".join(str(item.get("name")) for item in items) or "none"
    raise KubeconfigError(f"{file}: no {section.removesuffix('s')} {name!r}; there are {known}")


def _data(file: Path, part: Mapping[str, Any], field: str) -> bytes:
    """What ``<field>-data`` holds, or the file that ``<field>`` names."""
    written = part.get(f"{field}-data")
    if written:
        try:
            return base64.b64decode(written, validate=True)
        except binascii.Error as error:
            raise KubeconfigError(f"{file}: {field}-data is no base64: {error}") from error
    return _file(file, part[field]) if part.get(field) else b""


def _file(file: Path, name: str) -> bytes:
    try:
        return (file.parent / name).read_bytes()
    except OSError as error:
        raise KubeconfigError(f"{file}: {name}: {error.strerror or error}") from error
