"""Faults on the way to the API server, and of the server itself: one client's requests, or everybody's.

A client is whoever connects under that name: a user, a program or a host. Watches that are open go on through errors,
as they do in life: only a cut way, or a server that is down, makes them silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from kcsim.api.client import ClientFault
from kcsim.api.status import StatusError, Unreachable, internal
from kcsim.engine.clock import SECOND
from kcsim.simulation.faults.fault import Fault, FaultError, Kind
from kcsim.simulation.places import CI

if TYPE_CHECKING:
    from kcsim.simulation.cluster import Cluster
    from kcsim.simulation.world import World

FLUX_CONTROLLERS = ("source-controller", "kustomize-controller", "helm-controller", "notification-controller")
ARGOCD_COMPONENTS = ("argocd-application-controller", "argocd-server", "argocd-applicationset-controller")
THROTTLED = "the server has received too many requests and has asked us to try again later"
"""apimachinery NewGenericServerResponse for 429, as API priority and fairness refuses."""


_NEARLY = 0.85
"""How much of a name must be as in a known one for a slip of the pen, as difflib counts it."""


def clients_named(name: str) -> tuple[str, ...]:
    """What the connections of a client call themselves: a host, a user or a program."""
    return {"ci": (CI,), "flux": FLUX_CONTROLLERS, "argocd": ARGOCD_COMPONENTS}.get(name, (name,))


def plural(cluster: Cluster, word: str | None) -> str:
    """The plural name of the resource that a word means; "" for none.

    Raises:
        FaultError: the API server has no such resource.
    """
    if not word:
        return ""
    resource = cluster.server.catalog.by_word(word)
    if resource is None:
        near = get_close_matches(word, [each.plural for each in cluster.server.catalog], 1)
        mend = f"did you mean {near[0]}?" if near else "write its plural name, as pods"
        raise FaultError(f"no resource {word!r}; {mend}")
    return resource.plural


def a_client(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    """Anybody may connect later: an unknown name is told; one that is nearly a known one is refused."""
    del world
    plural(cluster, fault.amounts.get("resource"))
    endpoint, target = cluster.endpoint, fault.target
    if any(endpoint.knows(name) for name in clients_named(target)):
        return {}
    near = get_close_matches(target, endpoint.names, 1, _NEARLY)
    if near and _without_digits(near[0]) != _without_digits(target):
        raise FaultError(f"no client {target!r} has connected; did you mean {near[0]!r}?")
    return {"note": "no client of this name has connected so far"}


def _without_digits(name: str) -> str:
    """What the nodes and people of one series have in common: the next of them may still come."""
    return "".join(char for char in name if not char.isdigit())


def settle_client(world: World, cluster: Cluster, client: str, faults: Sequence[Fault]) -> None:
    """What all that is wrong with a client comes to; of several errors the newest is the one that is answered."""
    del world
    wrong = combined(cluster, faults) if faults else None
    for name in clients_named(client):
        cluster.endpoint.set_client_fault(name, wrong)


def combined(cluster: Cluster, faults: Sequence[Fault]) -> ClientFault:
    """The faults of one client as one."""
    cut, delay, deaf, share = False, 0, 0.0, 1.0
    error: StatusError | None = None
    verb = resource = ""
    for fault in faults:
        kind = fault.kind
        if kind == "api-partition":
            cut = True
        elif kind == "api-latency":
            delay += fault["delay"]
        else:
            verb, resource = fault["verb"] or "", plural(cluster, fault["resource"])
            if kind == "api-timeout":
                deaf = fault["share"]
            else:
                error, share = error_of(fault), fault["share"]
    return ClientFault(cut, error, share, deaf, delay, verb, resource)


def error_of(fault: Fault) -> StatusError:
    """What a request is answered with."""
    if fault.kind == "api-throttle":
        return StatusError(429, "TooManyRequests", THROTTLED, {"retryAfterSeconds": 1}, retry_after=1)
    if fault.kind == "api-reset":
        return Unreachable("read: connection reset by peer")
    if fault.kind == "credential-expired":
        return StatusError(401, "Unauthorized", "Unauthorized")
    return _server_error(fault["code"])


def _server_error(code: int) -> StatusError:
    """apimachinery pkg/api/errors/errors.go, NewGenericServerResponse."""
    told = {
        403: ("Forbidden", "forbidden"),
        409: ("Conflict", "the server reported a conflict"),
        500: ("InternalError", "an error on the server has prevented the request from succeeding"),
        503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
        504: (
            "Timeout",
            "the server was unable to return a response in the time allotted, but may still be processing the request",
        ),
    }
    if code in told:
        reason, message = told[code]
        return StatusError(code, reason, message)
    if code >= 500:
        return internal("injected")
    return StatusError(
        code, "", f"the server responded with the status code {code} but did not return more information"
    )


def _outage(world: World, cluster: Cluster, target: str, faults: Sequence[Fault]) -> None:
    del world, target
    cluster.endpoint.set_serving(not faults)


def _requests(summary: str, effect: str, **takes: Any) -> Kind:
    return Kind(
        layer="api",
        summary=summary,
        effect=effect,
        target="client",
        takes=takes,
        check=a_client,
        settle=settle_client,
        scope="client",
    )


_WHICH: dict[str, Any] = {"share": 1.0, "verb": None, "resource": None}

KINDS: dict[str, Kind] = {
    "api-latency": _requests(
        "One client's requests take longer.",
        "Its controllers, commands and pipelines work more slowly. Leases, whose renewals are promised, do not feel it.",
        delay=2 * SECOND,
    ),
    "api-throttle": _requests(
        "One client's requests are answered 429, with Retry-After 1 s.",
        "client-go waits and tries again ten times; what is refused for longer fails and backs off.",
        **_WHICH,
    ),
    "api-error": _requests(
        "One client's requests are answered with an error of the server, 500 when nothing is said.",
        "Reconciles fail and back off, commands and pipelines fail; watches that are open go on.",
        code=500,
        **_WHICH,
    ),
    "api-timeout": _requests(
        "One client's writes take effect, but their answers are lost.",
        "It sees a timeout for what was done: whoever writes again must not do it twice.",
        **_WHICH,
    ),
    "api-reset": _requests(
        "One client's requests end with a connection that is reset; nothing takes effect.",
        "Requests fail at once, and are tried again as their sender has it.",
        **_WHICH,
    ),
    "api-partition": _requests(
        "One client cannot reach the API server; everybody else can.",
        "Its requests time out, its caches stand still, its leases run out.",
    ),
    "api-outage": Kind(
        layer="api",
        summary="The API server is down: connections are refused.",
        effect="Nobody can change anything; what runs goes on. Caches catch up when it is back.",
        settle=_outage,
    ),
}
