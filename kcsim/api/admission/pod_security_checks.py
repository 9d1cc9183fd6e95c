"""What the Pod Security Standards ask of a pod: the checks of the levels baseline and restricted.  Decides; never acts.

**Imitates:** ``pod-security-admission/policy`` (v1.36): checks, their texts, their order, and the versions from which each holds.

**Walk:** a level and a minor version -> ``violations``: those of baseline, then what restricted adds, each as reason and detail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from kcsim.api.objects import Object

BASELINE, RESTRICTED = "baseline", "restricted"
NEWEST = 36
"""Later versions of the standards are judged as this one."""
_USER_NAMESPACES = 35
"""From here on what a container may be is not asked where its root is nobody on the node."""


class Violation(NamedTuple):
    """What is wrong: in a word, and whose fault it is."""

    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


class _Pod(NamedTuple):
    """What checks look at."""

    annotations: Object
    spec: Object
    containers: list[Object]
    minor: int

    @property
    def context(self) -> Object:
        return self.spec.get("securityContext") or {}

    @property
    def is_windows(self) -> bool:
        return self.minor >= 25 and (self.spec.get("os") or {}).get("name") == "windows"

    @property
    def is_root_nobody(self) -> bool:
        return self.minor >= _USER_NAMESPACES and self.spec.get("hostUsers") is False

    def named(self, is_bad: Callable[[Object], Any]) -> list[str]:
        """The names of the containers of which something holds."""
        return [c["name"] for c in self.containers if is_bad(c)]


def violations(level: str, minor: int, metadata: Object, spec: Object) -> list[Violation]:
    """What a pod violates; nothing where the level is ``privileged``."""
    if level not in (BASELINE, RESTRICTED):
        return []
    kinds = ("initContainers", "containers", "ephemeralContainers")
    containers = [container for kind in kinds for container in spec.get(kind) or ()]
    pod = _Pod(metadata.get("annotations") or {}, spec, containers, min(minor, NEWEST))
    further = _OVERLAPPING if level == BASELINE else _RESTRICTED
    return [found for since, check in (*_BASELINE, *further) if minor >= since and (found := check(pod))]


def _context(container: Object) -> Object:
    return container.get("securityContext") or {}


def _quoted(names: Iterable[str]) -> str:
    return '"' + '", "'.join(names) + '"'


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _who(names: list[str]) -> str:
    return f"{_plural('container', len(names))} {_quoted(names)}"


def _setters(pod_too: object, names: list[str]) -> list[str]:
    """Who sets something that must not be set: the pod, some containers, or both."""
    return [*(["pod"] if pod_too else ()), *([_who(names)] if names else ())]


# --- baseline ---------------------------------------------------------------------------------------------------


def _app_armor(pod: _Pod) -> Violation | None:
    prefix = "container.apparmor.security.beta.kubernetes.io/"

    def kind(context: Object) -> str:
        return str((context.get("appArmorProfile") or {}).get("type") or "")

    fine = ("", "RuntimeDefault", "Localhost")
    names = pod.named(lambda c: kind(_context(c)) not in fine)
    setters = _setters(kind(pod.context) not in fine, names)
    bad = {
        found
        for context in (pod.context, *map(_context, pod.containers))
        if (found := kind(context)) not in fine
    }
    noted = [
        f'{key}="{value}"'
        for key, value in pod.annotations.items()
        if key.startswith(prefix)
        and value not in ("", "runtime/default")
        and not value.startswith("localhost/")
    ]
    if noted:
        setters.append(_plural("annotation", len(noted)))
        bad.update(noted)
    if not setters:
        return None
    reason = _plural("forbidden AppArmor profile", len(bad))
    return Violation(
        reason, f"{' and '.join(setters)} must not set AppArmor profile type to {_quoted(sorted(bad))}"
    )


_CAPABILITIES: Final = frozenset(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT".split()
)


def _added(container: Object, allowed: frozenset[str]) -> set[str]:
    return set((_context(container).get("capabilities") or {}).get("add") or ()) - allowed


def _adding(pod: _Pod, allowed: frozenset[str]) -> str:
    names = pod.named(lambda c: _added(c, allowed))
    if not names:
        return ""
    bad = sorted(set().union(*(_added(c, allowed) for c in pod.containers)))
    return f"{_who(names)} must not include {_quoted(bad)} in securityContext.capabilities.add"


def _capabilities_baseline(pod: _Pod) -> Violation | None:
    detail = _adding(pod, _CAPABILITIES)
    return Violation("non-default capabilities", detail) if detail else None


def _host_namespaces(pod: _Pod) -> Violation | None:
    used = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if pod.spec.get(field)]
    return Violation("host namespaces", ", ".join(used)) if used else None


def _host_path(pod: _Pod) -> Violation | None:
    names = [volume["name"] for volume in pod.spec.get("volumes") or () if volume.get("hostPath") is not None]
    return (
        Violation("hostPath volumes", f"{_plural('volume', len(names))} {_quoted(names)}") if names else None
    )


def _host_ports(pod: _Pod) -> Violation | None:
    def ports(container: Object) -> list[str]:
        return [str(p["hostPort"]) for p in container.get("ports") or () if p.get("hostPort")]

    names = pod.named(ports)
    if not names:
        return None
    used = sorted({port for c in pod.containers for port in ports(c)})
    verb = "uses" if len(names) == 1 else "use"
    return Violation("hostPort", f"{_who(names)} {verb} {_plural('hostPort', len(used))} {', '.join(used)}")


def _hosts(container: Object) -> Iterator[str]:
    """The hosts that probes and hooks of a container name."""
    lifecycle = container.get("lifecycle") or {}
    for handler in (
        *(container.get(probe) for probe in ("livenessProbe", "readinessProbe", "startupProbe")),
        *(lifecycle.get(hook) for hook in ("postStart", "preStop")),
    ):
        for how in ("httpGet", "tcpSocket"):
            if host := ((handler or {}).get(how) or {}).get("host"):
                yield host


def _probe_hosts(pod: _Pod) -> Violation | None:
    names = sorted(set(pod.named(lambda c: any(_hosts(c)))))
    if not names:
        return None
    used = sorted({host for c in pod.containers for host in _hosts(c)})
    verb = "uses" if len(names) == 1 else "use"
    what = _plural("probe or lifecycle host", len(used))
    return Violation("probe or lifecycle host", f"{_who(names)} {verb} {what} {_quoted(used)}")


def _privileged(pod: _Pod) -> Violation | None:
    names = pod.named(lambda c: _context(c).get("privileged"))
    return (
        Violation("privileged", f"{_who(names)} must not set securityContext.privileged=true")
        if names
        else None
    )


def _proc_mount(pod: _Pod) -> Violation | None:
    def mount(container: Object) -> str:
        return str(_context(container).get("procMount") or "Default")

    names = pod.named(lambda c: mount(c) != "Default")
    if pod.is_root_nobody or not names:
        return None
    bad = sorted({mount(c) for c in pod.containers} - {"Default"})
    return Violation("procMount", f"{_who(names)} must not set securityContext.procMount to {_quoted(bad)}")


def _selinux(pod: _Pod) -> Violation | None:
    types = {"", "container_t", "container_init_t", "container_kvm_t"}
    if pod.minor >= 31:
        types.add("container_engine_t")

    def options(context: Object) -> Object:
        return context.get("seLinuxOptions") or {}

    def is_bad(context: Object) -> bool:
        given = options(context)
        return bool((given.get("type") or "") not in types or given.get("user") or given.get("role"))

    names = pod.named(lambda c: is_bad(_context(c)))
    setters = _setters(is_bad(pod.context), names)
    if not setters:
        return None
    found = [options(context) for context in (pod.context, *map(_context, pod.containers))]
    bad = sorted({given.get("type") or "" for given in found} - types)
    data = [f"{_plural('type', len(bad))} {_quoted(bad)}"] if bad else []
    data += [
        f"{field} may not be set" for field in ("user", "role") if any(given.get(field) for given in found)
    ]
    text = f"{' and '.join(setters)} set forbidden securityContext.seLinuxOptions: {'; '.join(data)}"
    return Violation("seLinuxOptions", text)


def _profile(context: Object) -> str | None:
    """The type of the seccomp profile that is set, if one is."""
    profile = context.get("seccompProfile")
    return None if profile is None else str(profile.get("type") or "")


_SECCOMP: Final = (None, "RuntimeDefault", "Localhost")


def _seccomp_baseline(pod: _Pod) -> Violation | None:
    names = pod.named(lambda c: _profile(_context(c)) not in _SECCOMP)
    setters = _setters(_profile(pod.context) not in _SECCOMP, names)
    if not setters:
        return None
    found = [_profile(context) for context in (pod.context, *map(_context, pod.containers))]
    bad = sorted({kind for kind in found if kind is not None and kind not in _SECCOMP})
    text = f"{' and '.join(setters)} must not set securityContext.seccompProfile.type to {_quoted(bad)}"
    return Violation("seccompProfile", text)


_SYSCTLS: Final = (
    (
        0,
        "kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.tcp_syncookies net.ipv4.ping_group_range",
    ),
    (0, "net.ipv4.ip_unprivileged_port_start"),
    (27, "net.ipv4.ip_local_reserved_ports"),
    (29, "net.ipv4.tcp_keepalive_time net.ipv4.tcp_fin_timeout"),
    (29, "net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes"),
    (32, "net.ipv4.tcp_rmem net.ipv4.tcp_wmem"),
)


def _sysctls(pod: _Pod) -> Violation | None:
    allowed = {name for since, names in _SYSCTLS if pod.minor >= since for name in names.split()}
    bad = [s["name"] for s in pod.context.get("sysctls") or () if s["name"] not in allowed]
    return Violation("forbidden sysctls", ", ".join(bad)) if bad else None


def _windows_host_process(pod: _Pod) -> Violation | None:
    def is_one(context: Object) -> object:
        return (context.get("windowsOptions") or {}).get("hostProcess")

    setters = _setters(is_one(pod.context), pod.named(lambda c: is_one(_context(c))))
    if not setters:
        return None
    text = f"{' and '.join(setters)} must not set securityContext.windowsOptions.hostProcess=true"
    return Violation("hostProcess", text)


# --- restricted -------------------------------------------------------------------------------------------------


def _allow_privilege_escalation(pod: _Pod) -> Violation | None:
    names = pod.named(lambda c: _context(c).get("allowPrivilegeEscalation") is not False)
    if pod.is_windows or not names:
        return None
    text = f"{_who(names)} must set securityContext.allowPrivilegeEscalation=false"
    return Violation("allowPrivilegeEscalation != false", text)


def _capabilities_restricted(pod: _Pod) -> Violation | None:
    def keeps(container: Object) -> bool:
        return "ALL" not in ((_context(container).get("capabilities") or {}).get("drop") or ())

    names = pod.named(keeps)
    details = [f'{_who(names)} must set securityContext.capabilities.drop=["ALL"]'] if names else []
    if adding := _adding(pod, frozenset({"NET_BIND_SERVICE"})):
        details.append(adding)
    return (
        Violation("unrestricted capabilities", "; ".join(details)) if details and not pod.is_windows else None
    )


_VOLUMES: Final = frozenset(
    "configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret".split()
)


def _restricted_volumes(pod: _Pod) -> Violation | None:
    kinds = {
        volume["name"]: next((field for field in sorted(volume) if field != "name"), "unknown")
        for volume in pod.spec.get("volumes") or ()
        if not _VOLUMES & volume.keys()
    }
    if not kinds:
        return None
    used = sorted(set(kinds.values()))
    verb = "uses" if len(kinds) == 1 else "use"
    what = _plural("restricted volume type", len(used))
    text = f"{_plural('volume', len(kinds))} {_quoted(kinds)} {verb} {what} {_quoted(used)}"
    return Violation("restricted volume types", text)


def _run_as_non_root(pod: _Pod) -> Violation | None:
    if pod.is_root_nobody:
        return None
    given = pod.context.get("runAsNonRoot")
    setters = _setters(given is False, pod.named(lambda c: _context(c).get("runAsNonRoot") is False))
    reason = "runAsNonRoot != true"
    if setters:
        return Violation(reason, f"{' and '.join(setters)} must not set securityContext.runAsNonRoot=false")
    names = [] if given else pod.named(lambda c: _context(c).get("runAsNonRoot") is None)
    if not names:
        return None
    return Violation(reason, f"pod or {_who(names)} must set securityContext.runAsNonRoot=true")


def _run_as_user(pod: _Pod) -> Violation | None:
    def is_root(context: Object) -> bool:
        return context.get("runAsUser") == 0

    setters = _setters(is_root(pod.context), pod.named(lambda c: is_root(_context(c))))
    if pod.is_root_nobody or not setters:
        return None
    return Violation("runAsUser=0", f"{' and '.join(setters)} must not set runAsUser=0")


def _seccomp_restricted(pod: _Pod) -> Violation | None:
    if pod.is_windows:
        return None
    if bad := _seccomp_baseline(pod):
        return bad
    names = [] if _profile(pod.context) else pod.named(lambda c: _profile(_context(c)) is None)
    if not names:
        return None
    text = f'pod or {_who(names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return Violation("seccompProfile", text)


Check = tuple[int, Callable[[_Pod], Violation | None]]
_BASELINE: Final[tuple[Check, ...]] = (
    (0, _app_armor),
    (0, _host_namespaces),
    (0, _host_ports),
    (34, _probe_hosts),
    (0, _privileged),
    (0, _proc_mount),
    (0, _selinux),
    (0, _sysctls),
    (0, _windows_host_process),
)
_OVERLAPPING: Final[tuple[Check, ...]] = (
    (0, _capabilities_baseline),
    (0, _host_path),
    (19, _seccomp_baseline),
)
"""Those of baseline that restricted says more strictly."""
_RESTRICTED: Final[tuple[Check, ...]] = (
    (8, _allow_privilege_escalation),
    (22, _capabilities_restricted),
    (0, _restricted_volumes),
    (0, _run_as_non_root),
    (23, _run_as_user),
    (19, _seccomp_restricted),
)
