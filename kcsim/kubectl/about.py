"""kubectl version and config: who talks to whom.

**Imitates:** kubectl ``pkg/cmd/{version,config}`` (v1.36). The client is of the server's version: this one is part of
the same simulator. There is no kubeconfig file: what ``config`` shows is what kubeadm would have written for whoever
types, and it cannot be changed.
"""

from __future__ import annotations

import json
from typing import Any

from kcsim.api.discovery import VERSION
from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.layout import columns
from kcsim.kubectl.session import KubectlError, Session
from kcsim.manifests import dump

KUSTOMIZE_VERSION = "v5.8.1"
"""Of the kustomize inside the client [model: kcsim's own follows its rules, not one release]."""
_CLUSTER = "kubernetes"
_CLIENT_FIELDS = (
    "major",
    "minor",
    "gitVersion",
    "gitCommit",
    "gitTreeState",
    "buildDate",
    "goVersion",
    "compiler",
    "platform",
)


def version(session: Session, arguments: Arguments) -> Steps:
    """``kubectl version [--client] [-o yaml|json]``."""
    form = arguments.get("output")
    if form not in {"", "yaml", "json"}:
        raise KubectlError("error: --output must be 'yaml' or 'json'")
    found: dict[str, Any] = {
        "clientVersion": {field: VERSION[field] for field in _CLIENT_FIELDS},
        "kustomizeVersion": KUSTOMIZE_VERSION,
    }
    unreachable = not session.client.reachable
    if not arguments.on("client") and not unreachable:
        found["serverVersion"] = VERSION
    if form == "json":
        session.print(json.dumps(found, indent=2))
    elif form == "yaml":
        session.print(dump(found))
    else:
        session.print(f"Client Version: {found['clientVersion']['gitVersion']}")
        session.print(f"Kustomize Version: {KUSTOMIZE_VERSION}")
        if "serverVersion" in found:
            session.print(f"Server Version: {VERSION['gitVersion']}")
    if unreachable and not arguments.on("client"):
        host = session.client.endpoint.host
        session.error(f"Unable to connect to the server: dial tcp {host}:6443: i/o timeout")
    yield from ()


def config(session: Session, arguments: Arguments) -> Steps:
    """``kubectl config view|current-context|get-contexts|get-clusters|get-users``."""
    what = arguments.words[0] if arguments.words else ""
    user = session.client.user.name
    context = f"{user}@{_CLUSTER}"
    match what:
        case "view":
            _view(session, arguments, user, context)
        case "current-context":
            session.print(context)
        case "get-contexts":
            if arguments.get("output") == "name":
                session.print(context)
            else:
                namespace = session.namespace if session.namespace != "default" else ""
                head = ["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"]
                rows = [] if arguments.on("no-headers") else [head]
                session.write(columns([*rows, ["*", context, _CLUSTER, user, namespace]]))
        case "get-clusters":
            session.write(f"NAME\n{_CLUSTER}\n")
        case "get-users":
            session.write(f"NAME\n{user}\n")
        case _:
            raise KubectlError(
                f"error: kcsim does not model 'kubectl config {what}': there is no kubeconfig to change; "
                "-n names a namespace, --as another user"
            )
    yield from ()


def _view(session: Session, arguments: Arguments, user: str, context: str) -> None:
    inside = {"cluster": _CLUSTER, "user": user}
    if session.namespace != "default":
        inside["namespace"] = session.namespace
    shown = {
        "apiVersion": "v1",
        "clusters": [
            {
                "cluster": {
                    "certificate-authority-data": "DATA+OMITTED",
                    "server": f"https://{session.client.endpoint.host}:6443",
                },
                "name": _CLUSTER,
            }
        ],
        "contexts": [{"context": inside, "name": context}],
        "current-context": context,
        "kind": "Config",
        "preferences": {},
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": "DATA+OMITTED",
                    "client-key-data": "DATA+OMITTED",
                },
            }
        ],
    }
    if arguments.get("output") == "json":
        session.print(json.dumps(shown, indent=4))
    elif arguments.get("output") in {"", "yaml"}:
        session.write(dump(shown))
    else:
        raise KubectlError(f"error: kcsim does not model 'kubectl config view -o {arguments.get('output')}'")
