"""One lookup of a name by a program in a pod, played through as it would go right now.

Each question crosses the pod network to the DNS Service like any connection: the proxy of the client's node must know
the Service, a name server's pod must be reachable, and no NetworkPolicy may stop UDP 53.

**Walk:** the names that resolv.conf gives -> for each a ``Question`` to a name server that the proxy picks -> no answer:
5 s later another try -> the first answer with addresses ends it, as does silence.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.api.objects import Object
from kcsim.cluster.dns.install import NAMESPACE, SERVICE
from kcsim.cluster.dns.preference import takes_ipv6
from kcsim.cluster.dns.records import NOERROR, NXDOMAIN, SERVFAIL, Answer
from kcsim.cluster.dns.resolver import ResolvConf, candidates, resolv_conf
from kcsim.cluster.podnet.plane import NameServer, PodNetwork
from kcsim.cluster.podnet.policy import End
from kcsim.cluster.podnet.services import DROP, Backend
from kcsim.engine.clock import MILLISECOND
from kcsim.engine.dice import Dice
from kcsim.engine.shown import Shown
from kcsim.profile.constants import DEFAULT
from kcsim.profile.distributions import Distribution

TIMEOUT, REFUSED = "timeout", "refused"
NODATA = "no such record"
"""The name exists, without records of the type that was asked for."""
FURTHER = (TIMEOUT, REFUSED, SERVFAIL)
"""What makes a resolver ask the next name server, or the same one again (glibc resolv/res_send.c)."""
ANSWERING: Distribution = DEFAULT.delay("coredns/answering")
"""How long a name server takes to answer (workloads reference, 15.5: 0.5 to 2 ms with the way, 10 ms at the 99th)."""
DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class Question:
    """One question and what came back.

    Attributes:
        server: the pod that was asked (``namespace/name``), "" when none was.
        result: NOERROR, NXDOMAIN, SERVFAIL, ``timeout`` or ``refused``.
        took: µs.
        why: what stopped it, when nothing came back.
        records: what came back, each as its type and value.
    """

    name: str
    server: str
    result: str
    took: int
    why: str = ""
    addresses: tuple[str, ...] = ()
    records: tuple[str, ...] = ()

    def __str__(self) -> str:
        found = f" {', '.join(self.records or self.addresses)}" if self.records or self.addresses else ""
        why = f" ({self.why})" if self.why else ""
        return f"{self.name}? {self.server or 'its own resolver'}: {self.result}{found}{why}"


@dataclass(frozen=True, slots=True)
class Lookup(Shown):
    """A name's lookup: its questions in order, the addresses found, and how long it took (µs)."""

    name: str
    questions: tuple[Question, ...]
    addresses: tuple[str, ...]
    took: int

    @property
    def failure(self) -> str:
        """Why nothing was found; "" when something was."""
        if self.addresses or self.records:
            return ""
        result = self.questions[-1].result if self.questions else NXDOMAIN
        # A name that exists somewhere on the search path is missing records only (res_search: got_nodata).
        exists = result == NXDOMAIN and any(each.result == NOERROR for each in self.questions)
        return NODATA if exists or result == NOERROR else result

    @property
    def records(self) -> tuple[str, ...]:
        """What was found, each record as its type and value."""
        return self.questions[-1].records if self.questions else ()

    def __str__(self) -> str:
        plain = len(self.addresses) >= len(self.records)
        found = self.failure or ", ".join(self.addresses if plain else self.records)
        head = f"{self.name}: {found} after {self.took / MILLISECOND:.3f} ms"
        return "\n".join([head, *(f"  {question}" for question in self.questions)])


def look_up(
    pods: PodNetwork, client: End, host: str, conf: ResolvConf, name: str, dice: Dice, type: str = ""
) -> Lookup:
    """Look a name up now, for a client on a host; asks and remembers nothing in the world.

    ``type`` of the records; "": addresses of any family, as who wants to connect asks for.
    """
    questions: list[Question] = []
    if not conf.nameservers:
        question = ask_own_resolver(pods, host, name)
        return Lookup(name, (question,), question.addresses, question.took)
    for full in candidates(name, conf):
        for _ in range(conf.attempts):
            for server in conf.nameservers:
                questions.append(_ask(pods, client, host, server, (full, type), conf.timeout, dice))
                if questions[-1].result not in FURTHER:
                    break
            if questions[-1].result not in FURTHER:
                break
        if questions[-1].records or questions[-1].result in (TIMEOUT, REFUSED):
            break
    took = sum(q.took for q in questions)
    return Lookup(name, tuple(questions), questions[-1].addresses, took)


def _ask(
    pods: PodNetwork, client: End, host: str, server: str, asked: tuple[str, str], timeout: int, dice: Dice
) -> Question:
    name, type = asked
    backend = _pick(pods, host, server, dice)
    if isinstance(backend, str):
        silent = backend == DROP
        why = f"nothing answers at {server}:53 on {host}"
        return Question(name, "", TIMEOUT if silent else REFUSED, timeout if silent else 0, why)
    why = stopped(pods, client, host, backend)
    if why:
        return Question(name, backend.pod, TIMEOUT, timeout, why)
    path = pods.path(host, backend.ip)
    assert path is not None, "a way that is not stopped exists"
    namespace, _, pod = backend.pod.partition("/")
    program = pods.name_servers.get((namespace, pod))
    if program is None or pods.serving(backend.ip, backend.port) is None:
        return Question(
            name, backend.pod, REFUSED, path.median, f"nobody listens at {backend.ip}:{backend.port}"
        )
    found = program.answer(name, type, remember=False) if type else addresses_from(program, name, client.ips)
    took = path.delay(dice.draw) + dice.draw(ANSWERING)
    records = tuple(f"{record.type} {record.value}" for record in found.records)
    return Question(name, backend.pod, found.code, took, "", found.addresses, records)


def _pick(pods: PodNetwork, host: str, server: str, dice: Dice) -> Backend | str:
    """The name server's pod that the proxy of the host picks; or what becomes of the question without one."""
    proxy = pods.proxy(host)
    key = proxy.find(server)
    if key is None:
        return Backend(server, DNS_PORT, "/".join(pods.pod_at(server) or ("",)))
    rules = proxy.rules(*key)
    port = (
        next((p for p in rules.ports if p.number == DNS_PORT and p.protocol == "UDP"), None)
        if rules
        else None
    )
    if port is None or not port.backends:
        return port.otherwise if port is not None else "refuse"
    return dice.choice(port.backends)


def stopped(pods: PodNetwork, client: End, host: str, backend: Backend) -> str:
    """What keeps a question from a name server's pod; "" when nothing does."""
    verdict = pods.firewall.verdict(client, pods.firewall.end_at(backend.ip), backend.port, "UDP")
    if not verdict.allowed:
        return verdict.why
    if pods.path(host, backend.ip) is None:
        return f"packets between {host} and {backend.ip} are lost"
    if not pods.has_ip(backend.ip):
        return f"nobody has the address {backend.ip} any more"
    return ""


def ask_own_resolver(pods: PodNetwork, host: str, name: str) -> Question:
    """What the resolver of a machine outside, or of a node, says: it knows the internet only."""
    network = pods.network
    address = network.host(name.rstrip(".")).address if network.has_host(name.rstrip(".")) else ""
    if not network.has_host(host):
        return Question(name, "", SERVFAIL, 0, f"there is no host {host}")
    return Question(
        name, "", NOERROR if address else NXDOMAIN, MILLISECOND, "", (address,) if address else ()
    )


def addresses_from(
    program: NameServer, name: str, own: tuple[str, ...] = (), *, remember: bool = False
) -> Answer:
    """What a name server answers to who wants to connect, from addresses of its ``own``: A and AAAA are asked for at once, and
    the addresses of the family that is preferred are taken.
    """
    found: Answer = program.answer(name, "A", remember=remember)
    if found.code != NOERROR or (found.addresses and not any(":" in each for each in own)):
        return found
    six: Answer = program.answer(name, "AAAA", remember=remember)
    if found.addresses and not (six.addresses and takes_ipv6(six.addresses[0], own)):
        return found
    return six


def resolver_of(pods: PodNetwork, pod: Object) -> ResolvConf | None:
    """What a pod's resolv.conf says; None in a cluster without DNS."""
    address = dns_address(pods)
    return resolv_conf(pod, address) if address else None


def dns_address(pods: PodNetwork) -> str:
    """The address of the cluster's DNS Service; "" when there is none."""
    service = pods.service((NAMESPACE, SERVICE))
    return str(service["spec"]["clusterIP"]) if service is not None else ""
