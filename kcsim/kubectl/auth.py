"""kubectl auth, and who a command is run as.

**Imitates:** kubectl ``pkg/cmd/auth`` (can-i, whoami) and the global flags ``--as`` and ``--as-group`` (v1.33 to v1.36).
``auth reconcile`` has a file of its own.
"""

from __future__ import annotations

import copy

from kcsim.api.client import Client
from kcsim.api.identity import impersonation_denial, taken_for
from kcsim.api.objects import Object
from kcsim.engine.task import Steps
from kcsim.kubectl.creators.common import usage
from kcsim.kubectl.describers.cluster import policy_rows
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.layout import columns
from kcsim.kubectl.printing import print_objects
from kcsim.kubectl.reconcile import reconcile
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import namespace_of

_AUTHZ, _AUTHN = "authorization.k8s.io/v1", "authentication.k8s.io/v1"


def as_user(client: Client, name: str, groups: list[str]) -> Client:
    """The same connection, taken for another user.

    Raises:
        StatusError: 403 when the user behind it may not.
    """
    wanted = taken_for(name, tuple(groups))
    server = client.endpoint.server
    denial = impersonation_denial(server, client.user, wanted)
    if denial is not None:
        raise denial
    other = copy.copy(client)
    other.user = wanted
    return other


def auth(session: Session, arguments: Arguments) -> Steps:
    """``kubectl auth can-i VERB RESOURCE``, ``auth whoami`` and ``auth reconcile``."""
    what, *words = arguments.words or [""]
    if what == "whoami":
        yield from _whoami(session, arguments)
    elif what == "can-i" and arguments.on("list"):
        yield from _list(session, arguments)
    elif what == "can-i":
        yield from _can_i(session, arguments, words)
    elif what == "reconcile":
        yield from reconcile(session, arguments)
    else:
        raise usage("auth", f'unknown command "{" ".join(arguments.words)}"')
    return None


def _whoami(session: Session, arguments: Arguments) -> Steps:
    body = {"apiVersion": _AUTHN, "kind": "SelfSubjectReview", "metadata": {}}
    answer = yield session.client.create("selfsubjectreviews.authentication.k8s.io", body, "")
    if arguments.get("output") not in {"", "name"}:
        print_objects(session, arguments, [{"kind": "SelfSubjectReview", **answer}])
        return
    info = answer["status"]["userInfo"]
    rows = [["ATTRIBUTE", "VALUE"], ["Username", info.get("username", "")]]
    if info.get("groups"):
        rows.append(["Groups", f"[{' '.join(info['groups'])}]"])
    session.write(columns(rows))


def _can_i(session: Session, arguments: Arguments, words: list[str]) -> Steps:
    if len(words) != 2:
        raise KubectlError(
            "error: you must specify two arguments: verb resource or verb resource/resourceName.\n"
            "See 'kubectl auth can-i -h' for help and examples."
        )
    verb, what = words
    _warn_of_verb(session, verb, url=what.startswith("/"))
    namespace = "" if arguments.on("all-namespaces") else namespace_of(session, arguments)
    if what.startswith("/"):
        spec: Object = {"nonResourceAttributes": {"path": what, "verb": verb}}
    else:
        spec = {"resourceAttributes": _attributes(session, arguments, verb, what, namespace)}
    body = {"apiVersion": _AUTHZ, "kind": "SelfSubjectAccessReview", "metadata": {}, "spec": spec}
    answer = yield session.client.create("selfsubjectaccessreviews.authorization.k8s.io", body, "")
    status = answer["status"]
    if not arguments.on("quiet"):
        session.print("yes" if status.get("allowed") else "no")
    session.failed = not status.get("allowed")


_VERBS = frozenset(
    (
        "get list watch create update patch delete deletecollection use bind impersonate * approve sign escalate "
        "attest"
    ).split()
)
_URL_VERBS = frozenset("get put post head options delete patch *".split())


def _warn_of_verb(session: Session, verb: str, *, url: bool) -> None:
    if verb not in (_URL_VERBS if url else _VERBS):
        session.warn(f"Warning: verb '{verb}' is not a known verb\n")


def _attributes(session: Session, arguments: Arguments, verb: str, what: str, namespace: str) -> Object:
    plural, _, rest = what.partition("/")
    resource = session.client.endpoint.server.catalog.by_word(plural)
    group = plural.partition(".")[2]
    if resource is not None:
        plural, group = resource.plural, resource.group
        if not resource.namespaced and not arguments.on("all-namespaces"):
            where = f" in group '{group}'" if group else ""
            session.warn(f"Warning: resource '{plural}' is not namespace scoped{where}\n")
        if not resource.namespaced and namespace and arguments.get("namespace") == "":
            namespace = ""
    elif plural != "*":
        session.warn(f"Warning: the server doesn't have a resource type '{plural}'\n")
    attributes = {"verb": verb, "resource": plural, "namespace": namespace, "group": group}
    sub = arguments.get("subresource")
    if rest and resource is not None and rest in resource.subresources:
        sub = rest  # kubectl takes pods/log for the sub-resource
    elif rest:
        attributes["name"] = rest
    if sub:
        attributes["subresource"] = sub
    return {key: value for key, value in attributes.items() if value}


def _list(session: Session, arguments: Arguments) -> Steps:
    spec = {"namespace": namespace_of(session, arguments) or "*"}
    body = {"apiVersion": _AUTHZ, "kind": "SelfSubjectRulesReview", "metadata": {}, "spec": spec}
    answer = yield session.client.create("selfsubjectrulesreviews.authorization.k8s.io", body, "")
    status = answer["status"]
    rows = policy_rows([*status["resourceRules"], *status["nonResourceRules"]], merged=False)
    header = ["Resources", "Non-Resource URLs", "Resource Names", "Verbs"]
    shown = [] if arguments.on("no-headers") else [header]
    session.write(columns([*shown, *[list(row) for row in rows]]))
