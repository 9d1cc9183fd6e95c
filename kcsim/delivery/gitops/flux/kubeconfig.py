"""Another cluster than the controller's own, as ``spec.kubeConfig`` names it.  Decides; never acts.

**Imitates:** fluxcd/pkg runtime/client/impersonator.go and kubeconfig.go, auth/generic, client-go tools/clientcmd. Differs: a
bearer token is one that the other cluster has issued, or the name of the ServiceAccount it is of; the token of provider generic
stands for the same ServiceAccount there as here, which a real API server does with the hub as its only issuer and no prefix. Left
out: client certificates, which are refused; the providers aws, azure and gcp, likewise; commands, which Flux does not run either.

**Walk:** the Secret's kubeconfig, or the ConfigMap's parameters -> ``Remote`` -> impersonation.py makes a client of it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.manifests import ManifestError, documents

_PROVIDERS = ("aws", "azure", "gcp")


class KubeConfigError(Exception):
    """The other cluster cannot be made out; the message is what conditions show.

    Attributes:
        is_missing: whether what should say it is not there at all.
    """

    def __init__(self, message: str, *, is_missing: bool = False) -> None:
        super().__init__(message)
        self.is_missing = is_missing


@dataclass(frozen=True, slots=True)
class Remote:
    """A cluster and whom one is there.

    Attributes:
        server: the address of its API server.
        token: the bearer token; "" for nobody in particular.
    """

    server: str
    token: str = ""


def of_secret(secret: Mapping[str, Any], key: str, who: str) -> Remote:
    """What a Secret's kubeconfig leads to; ``key`` "" for ``value`` or ``value.yaml``, ``who`` is its namespace/name.

    Raises:
        KubeConfigError: there is no usable kubeconfig in it.
    """
    data = secret.get("data") or {}
    found = next((each for each in ([key] if key else ["value", "value.yaml"]) if each in data), None)
    if found is None:
        raise KubeConfigError(
            f"KubeConfig secret '{who}' does not contain a '{key or 'value'}' key with a kubeconfig"
        )
    try:
        return of_text(base64.b64decode(data[found]).decode())
    except (binascii.Error, UnicodeDecodeError) as error:
        raise KubeConfigError(f"KubeConfig secret '{who}': {error}") from error


def of_text(text: str) -> Remote:
    """Where the current context of a kubeconfig leads.

    Raises:
        KubeConfigError: it leads nowhere.
    """
    try:
        read = documents(text, "kubeconfig")
    except ManifestError as error:
        raise KubeConfigError(f"error loading config file: {error}") from error
    config = read[0].value if read else None
    if not isinstance(config, dict) or not config.get("clusters"):
        raise KubeConfigError(
            "invalid configuration: no configuration has been provided, try setting "
            "KUBERNETES_MASTER environment variable"
        )
    name = config.get("current-context") or ""
    context = _named(config, "contexts", name).get("context") or {}
    cluster = _named(config, "clusters", context.get("cluster", "")).get("cluster") or {}
    if not cluster.get("server"):
        what = [f"context was not found for specified context: {name}"] if name and not context else []
        raise KubeConfigError(
            f"invalid configuration: [{', '.join([*what, 'cluster has no server defined'])}]"
        )
    user = _named(config, "users", context.get("user", "")).get("user") or {}
    if "client-certificate-data" in user or "client-certificate" in user:
        raise KubeConfigError("kcsim reads no client certificates in a kubeconfig: give the user a token")
    return Remote(str(cluster["server"]).rstrip("/"), str(user.get("token") or ""))


def _named(config: Mapping[str, Any], field: str, name: str) -> Mapping[str, Any]:
    each: Mapping[str, Any]
    for each in config.get(field) or ():
        if each.get("name") == name:
            return each
    return {}


def of_config_map(config_map: Mapping[str, Any], namespace: str, controller: tuple[str, str]) -> Remote:
    """What the parameters in a ConfigMap lead to; ``controller`` is the namespace and name of the controller's account.

    Raises:
        KubeConfigError: they lead nowhere.
    """
    data = config_map.get("data") or {}
    provider = data.get("provider") or ""
    if provider in _PROVIDERS:
        raise KubeConfigError(
            f"kcsim does not model provider {provider} of a kubeConfig: use generic with an address, or a secretRef"
        )
    if provider != "generic":
        raise KubeConfigError(f"provider '{provider}' not implemented")
    if not data.get("address"):
        raise KubeConfigError("cluster address is required to create a REST config")
    account = data.get("serviceAccountName")
    token = ":".join((namespace, account) if account else controller)
    return Remote(_address(data["address"]), f"system:serviceaccount:{token}")


def _address(given: str) -> str:
    """The canonical form of an API server's address (ParseClusterAddress)."""
    address = given if given.startswith("http") else f"https://{given}"
    scheme, _, rest = address.partition("://")
    if scheme != "https":
        raise KubeConfigError(
            f"failed to parse cluster address {given}: the Kubernetes API server address '{address}' must use https scheme"
        )
    host = rest.partition("/")[0].lower()
    return f"https://{host}" if ":" in host else f"https://{host}:443"
