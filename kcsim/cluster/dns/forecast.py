"""Everything that can become of looking a name up under the present conditions, each with its share.  Looks; changes nothing.

What ``lookup`` plays once with dice, this works out in full: a question goes to any of the name servers that the proxy
knows, all equally likely; those that nothing comes back from cost their time limit and another try.

**Walk:** the names that resolv.conf gives -> for each the tries, split by what the servers answer -> the first answer with
addresses ends it, as does silence -> a ``Forecast`` for each way it can go.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.api.objects import Key
from kcsim.cluster.dns.install import NAMESPACE, SERVICE
from kcsim.cluster.dns.lookup import (
    ANSWERING,
    DNS_PORT,
    FURTHER,
    REFUSED,
    TIMEOUT,
    addresses_from,
    ask_own_resolver,
    dns_address,
    stopped,
)
from kcsim.cluster.dns.records import NXDOMAIN, SERVFAIL, service_named
from kcsim.cluster.dns.resolver import ResolvConf, candidates
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.cluster.podnet.policy import End
from kcsim.cluster.podnet.services import DROP, Backend
from kcsim.cluster.podnet.watched import Watched
from kcsim.profile.distributions import Distribution

_FEWEST = 1e-9


@dataclass(frozen=True, slots=True)
class Forecast:
    """One way in which a lookup can go.

    Attributes:
        share: how likely it is.
        addresses: what was found; none where it failed.
        failure: "" or NXDOMAIN, SERVFAIL, ``timeout``, ``refused``.
        name: the full name that was asked for last.
        waited: µs spent on questions without an answer.
        links: what the answered questions took.
        why: what stopped the last question, when nothing came back.
    """

    share: float
    addresses: tuple[str, ...]
    failure: str
    name: str
    waited: int = 0
    links: tuple[Distribution, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class _So:
    """How far a lookup has come."""

    share: float
    waited: int
    links: tuple[Distribution, ...]


@dataclass(frozen=True, slots=True)
class _Reply:
    """What one server makes of a question; ``result`` as in ``Forecast.failure``, "" for an answer with addresses."""

    result: str
    addresses: tuple[str, ...] = ()
    links: tuple[Distribution, ...] = ()
    why: str = ""


def forecast(
    pods: PodNetwork, client: End, host: str, conf: ResolvConf, name: str, watched: Watched
) -> list[Forecast]:
    """Look a name up now, for a client on a host. What the name servers are asked for they keep, as they would."""
    if not conf.nameservers:
        found = ask_own_resolver(pods, host, name)
        failure = "" if found.addresses else found.result
        return [Forecast(1.0, found.addresses, failure, name, found.took, (), found.why)]
    ended: list[Forecast] = []
    going = [_So(1.0, 0, ())]
    names = candidates(name, conf)
    for full in names:
        watched.names.update(_service_of(full))
        further: list[_So] = []
        for so in going:
            answered, given_up = _ask(pods, client, host, conf, full, so, watched)
            ended.extend(given_up)
            for reply, state in answered:
                if reply.addresses:
                    ended.append(Forecast(state.share, reply.addresses, "", full, state.waited, state.links))
                elif full == names[-1]:
                    failure = reply.result or NXDOMAIN
                    ended.append(Forecast(state.share, (), failure, full, state.waited, state.links))
                else:
                    further.append(state)
        going = _joined(further)
        if not going:
            break
    return [each for each in ended if each.share > _FEWEST]


def _ask(
    pods: PodNetwork, client: End, host: str, conf: ResolvConf, full: str, so: _So, watched: Watched
) -> tuple[list[tuple[_Reply, _So]], list[Forecast]]:
    """One name: the ways in which it is answered, and those in which the resolver gives up."""
    answered: list[tuple[_Reply, _So]] = []
    silent = [(so, "", TIMEOUT)]
    for _ in range(conf.attempts):
        for server in conf.nameservers:
            replies = _replies(pods, client, host, server, full, watched)
            further: list[tuple[_So, str, str]] = []
            for state, _, _ in silent:
                for part, reply in replies:
                    share = state.share * part
                    if reply.result in FURTHER:
                        waited = state.waited + (conf.timeout if reply.result == TIMEOUT else 0)
                        links = (*state.links, *reply.links)
                        further.append((_So(share, waited, links), reply.why, reply.result))
                    else:
                        links = (*state.links, *reply.links)
                        answered.append((reply, _So(share, state.waited, links)))
            silent = [each for each in further if each[0].share > _FEWEST]
    answered.extend((_Reply(result), state) for state, _, result in silent if result == SERVFAIL)
    return answered, [
        Forecast(state.share, (), result, full, state.waited, state.links, why)
        for state, why, result in silent
        if result != SERVFAIL
    ]


def _replies(
    pods: PodNetwork, client: End, host: str, server: str, name: str, watched: Watched
) -> list[tuple[float, _Reply]]:
    """What becomes of one question to one address, with the share of each; like replies are one."""
    backends = _servers(pods, host, server, watched)
    if isinstance(backends, str):
        result = TIMEOUT if backends == DROP else REFUSED
        return [(1.0, _Reply(result, why=f"nothing answers at {server}:53 on {host}"))]
    shares: dict[_Reply, float] = {}
    for backend in backends:
        watched.ips[backend.ip] = None
        reply = _reply(pods, client, host, backend, name)
        shares[reply] = shares.get(reply, 0.0) + 1 / len(backends)
    return [(share, reply) for reply, share in shares.items()]


def _servers(pods: PodNetwork, host: str, server: str, watched: Watched) -> tuple[Backend, ...] | str:
    proxy = pods.proxy(host)
    key: Key | None = (NAMESPACE, SERVICE) if server == dns_address(pods) else proxy.find(server)
    if key is None:
        return (Backend(server, DNS_PORT, "/".join(pods.pod_at(server) or ("",))),)
    watched.rules.add((host, key))
    rules = proxy.rules(*key)
    ports = rules.ports if rules is not None else ()
    port = next((p for p in ports if p.number == DNS_PORT and p.protocol == "UDP"), None)
    if port is None or not port.backends:
        return port.otherwise if port is not None else "refuse"
    return port.backends


def _reply(pods: PodNetwork, client: End, host: str, backend: Backend, name: str) -> _Reply:
    why = stopped(pods, client, host, backend)
    if why:
        return _Reply(TIMEOUT, why=why)
    path = pods.path(host, backend.ip)
    assert path is not None, "a way that is not stopped exists"
    namespace, _, pod = backend.pod.partition("/")
    program = pods.name_servers.get((namespace, pod))
    if program is None or pods.serving(backend.ip, backend.port) is None:
        return _Reply(REFUSED, why=f"nobody listens at {backend.ip}:{backend.port}")
    found = addresses_from(program, name, client.ips, remember=True)
    addresses = tuple(sorted(found.addresses))
    links = (*path.there.latencies, *path.back.latencies, ANSWERING)
    return _Reply("" if addresses else found.code, addresses, links)


def _joined(states: list[_So]) -> list[_So]:
    shares: dict[tuple[int, tuple[Distribution, ...]], float] = {}
    for state in states:
        key = (state.waited, state.links)
        shares[key] = shares.get(key, 0.0) + state.share
    return [_So(share, *key) for key, share in shares.items() if share > _FEWEST]


def _service_of(full: str) -> list[Key]:
    """What a name server tells of when a name's answer changes: its Service; for others, the name itself."""
    return [service_named(full) or ("", full)]
