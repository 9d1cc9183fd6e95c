"""kubectl debug: a container added to a running pod, a changed copy of a pod, a pod on a node.

**Imitates:** kubectl ``pkg/cmd/debug`` (debug.go, profiles.go; v1.36). Left out: attaching (-i, -t, --attach: no real
programs run inside containers). Differs: fields of a ``--custom`` file that no container has are warned of.

**Walk:** flags -> ``_check`` -> each target: ``_in_pod`` patches ephemeralcontainers, ``_copied`` and ``_on_node`` create
a pod; the profile then says what the container, and a pod made for it, may do, and a custom one (``_custom``) has the
last word.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kcsim.api import objects
from kcsim.api.gotext import json_word, yaml_error
from kcsim.api.objects import Object
from kcsim.api.patch import strategic
from kcsim.api.patch.schema import lookup
from kcsim.api.patch.strategic_diff import two_way
from kcsim.api.patch.values import PatchError
from kcsim.api.patching import patch_schema
from kcsim.api.resources import Resource
from kcsim.api.schemas.check import check, prune, render_path, type_error
from kcsim.api.schemas.definitions import definition
from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.run import IMAGE_NAME
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import Target, choose, namespace_of, parse_targets
from kcsim.manifests import ManifestError, documents

_POLICIES = frozenset({"", "Always", "IfNotPresent", "Never"})
_PROBES = (("liveness", "livenessProbe"), ("readiness", "readinessProbe"), ("startup", "startupProbe"))
_LEGACY = (
    "--profile=legacy is deprecated and planned to be removed in v1.39. It is recommended to specify other profile, "
    'for example "--profile=general".'
)
_NOT_ROOT = (
    "Warning: Non-root user is configured for the entire target Pod, and some capabilities granted by debug profile may "
    'not work. Please consider using "--custom" with a custom profile that specifies "securityContext.runAsUser: 0".'
)


def debug(session: Session, arguments: Arguments) -> Steps:
    """``kubectl debug POD --image=IMAGE``, with ``--copy-to`` a copy of the pod; ``node/NAME``: a pod there."""
    profile = arguments.get("profile", "general")
    if profile not in _PROFILES:
        raise KubectlError(f"error: unknown profile: {profile}")
    custom = _custom(session, arguments)
    _check(session, arguments, profile, custom)
    namespace = namespace_of(session, arguments)
    words = [word if "/" in word else f"pods/{word}" for word in arguments.words]
    if words:
        _, targets = parse_targets(session, words, namespace)
    else:
        targets = yield from choose(session, arguments, [])
    for target in targets:
        live = yield session.client.get(target.resource, target.namespace, target.name)
        if target.resource.group or target.resource.kind not in {"Pod", "Node"}:
            resource = target.resource
            gvk = f"{resource.group}/{resource.version}, Kind={resource.kind}"
            raise KubectlError(f'error: "{gvk}" not supported by debug')
        if target.resource.kind == "Node":
            yield from _on_node(session, arguments, (profile, custom), objects.name(live), namespace)
        elif arguments.get("copy-to"):
            yield from _copied(session, arguments, (profile, custom), target, live)
        else:
            yield from _in_pod(session, arguments, (profile, custom), target, live)


# --- what is asked ----------------------------------------------------------------------------------------------


def _check(session: Session, arguments: Arguments, profile: str, custom: Object) -> None:
    """What kubectl refuses before it asks the server, in its order (DebugOptions.Validate)."""
    image, container = arguments.get("image"), arguments.get("container")
    if arguments.on("attach") and not image and not container:
        raise _wrong(
            "you must specify --container or create a new container using --image in order to attach."
        )
    if arguments.get("copy-to"):
        if not image and not _images(arguments) and not arguments.command:
            raise _wrong("you must specify --image, --set-image or command arguments.")
        if arguments.command and not container and not image:
            raise _wrong("you must specify an existing container or a new image when specifying args.")
    else:
        for flag in ("replace", "same-node"):
            if arguments.on(flag):
                raise _wrong(f"--{flag} may only be used with --copy-to.")
        if _images(arguments):
            raise _wrong("--set-image may only be used with --copy-to.")
        if not image:
            raise _wrong("you must specify --image when not using --copy-to.")
    if image and not IMAGE_NAME.fullmatch(image):
        raise _wrong(f"invalid image name {json.dumps(image)}: invalid reference format")
    if not arguments.words and not arguments.flags.get("filename"):
        raise _wrong("NAME or filename is required for debug")
    if (policy := arguments.get("image-pull-policy")) not in _POLICIES:
        raise _wrong(f"invalid image pull policy: {policy}")
    for name, other in _images(arguments).items():
        if not IMAGE_NAME.fullmatch(other):
            named = f"{json.dumps(other)} for container {json.dumps(name)}"
            raise _wrong(f"invalid image name {named}: invalid reference format")
    if target := arguments.get("target"):
        if arguments.get("copy-to"):
            raise _wrong("--target is incompatible with --copy-to. Use --share-processes instead.")
        _say(
            session,
            arguments,
            f"Targeting container {json.dumps(target)}. If you don't see processes from this container it may be because "
            "the container runtime doesn't support this feature.",
        )
    if arguments.on("tty") and not arguments.on("stdin"):
        raise _wrong("-i/--stdin is required for containers with -t/--tty=true")
    if arguments.on("stdin") or arguments.on("attach"):
        raise KubectlError(
            "error: kcsim does not model attaching to a debug container: leave -i and -t away; "
            "'kubectl logs POD -c NAME' shows what it writes"
        )
    if any(custom.get(field) for field in _NOT_CUSTOM):
        raise _wrong(
            "name, command, image, lifecycle and volume devices are not modifiable via custom profile"
        )
    if profile == "legacy":
        session.warn(_LEGACY)


_NOT_CUSTOM = ("name", "command", "image", "lifecycle", "volumeDevices")


def _custom(session: Session, arguments: Arguments) -> Object:
    """The part of a container that --custom names; empty without one.

    Raises:
        KubectlError: no such file, or one that holds no part of a container.
    """
    path = arguments.get("custom")
    if not path:
        return {}
    content = session.files.get(path)
    if content is None:
        raise _wrong(
            f"must pass a container spec json file for custom profile: open {path}: no such file or directory"
        )
    no_container = f"{path} does not contain a valid container spec"
    try:
        found = documents(content, path)
    except ManifestError as error:
        raise _wrong(f"{no_container}: error converting YAML to JSON: {yaml_error(error)}") from None
    value = (found[0].value if found else None) or {}
    schema = definition("io.k8s.api.core.v1.Container")
    assert schema is not None
    decoding = f"{no_container}: error unmarshaling JSON: while decoding JSON"
    if not isinstance(value, dict):
        raise _wrong(
            f"{decoding}: json: cannot unmarshal {json_word(value)} into Go value of type v1.Container"
        )
    faults = check(value, schema)
    wrong = type_error(faults)
    if wrong is not None:
        raise _wrong(f"{decoding}: {wrong.message}")
    for fault in faults:
        if fault.kind == "unknown_field":
            near = f" (did you mean {fault.suggestion}?)" if fault.suggestion else ""
            session.warn(
                f'Warning: {path}: no container has a field "{render_path(fault.path)}"{near}: it is left out'
            )
    made: Object = prune(value, schema)
    return made


def _wrong(text: str) -> KubectlError:
    return KubectlError(f"error: {text}")


def _say(session: Session, arguments: Arguments, text: str) -> None:
    if not arguments.on("quiet"):
        session.print(text)


def _pairs(arguments: Arguments, flag: str) -> dict[str, str]:
    """The values of a flag that holds ``name=value`` pairs (pflag's StringToString)."""
    found = {}
    for item in arguments.all(flag):
        name, equals, value = item.partition("=")
        if not equals:
            text = ",".join(arguments.flags[flag])
            why = f"{item} must be formatted as key=value"
            raise KubectlError(
                f'error: invalid argument "{text}" for "--{flag}" flag: {why}{arguments.usage}'
            )
        found[name] = value
    return found


def _images(arguments: Arguments) -> dict[str, str]:
    return _pairs(arguments, "set-image")


# --- the container ----------------------------------------------------------------------------------------------


def _container(arguments: Arguments, name: str) -> Object:
    """A new container as the flags describe it."""
    made: Object = {"name": name}
    if arguments.get("image"):
        made["image"] = arguments.get("image")
    if arguments.command:
        made["args" if arguments.on("arguments-only") else "command"] = arguments.command
    if env := _pairs(arguments, "env"):
        made["env"] = [{"name": key, "value": value} for key, value in env.items()]
    if arguments.get("image-pull-policy"):
        made["imagePullPolicy"] = arguments.get("image-pull-policy")
    return {**made, "resources": {}, "terminationMessagePolicy": "File"}


def _suffix(session: Session) -> str:
    return session.engine.dice("kubectl/debug").suffix(5)


def _name(session: Session, arguments: Arguments, spec: Object) -> str:
    """The new container's name (computeDebugContainerName)."""
    if arguments.get("container"):
        return arguments.get("container")
    fields = ("containers", "initContainers", "ephemeralContainers")
    taken = {container["name"] for field in fields for container in spec.get(field) or ()}
    name = f"debugger-{_suffix(session)}"
    while name in taken:
        name = f"debugger-{_suffix(session)}"
    _say(session, arguments, f"Defaulting debug container name to {name}.")
    return name


def _warn_of_user(session: Session, container: Object, spec: Object) -> None:
    """DebugOptions.displayWarning."""
    context = container.get("securityContext") or {}
    may = context.get("privileged") or (context.get("capabilities") or {}).get("add")
    if (spec.get("securityContext") or {}).get("runAsUser") and context.get("runAsUser") != 0 and may:
        session.warn(_NOT_ROOT)


# --- profiles (profiles.go) -------------------------------------------------------------------------------------

_HOST: Object = {"hostNetwork": True, "hostPID": True, "hostIPC": True}
_ROOT = "host-root"


def _adding(*capabilities: str) -> Callable[[Object], Object]:
    def add(context: Object) -> Object:
        known = context.get("capabilities") or {}
        return {**context, "capabilities": {**known, "add": [*(known.get("add") or ()), *capabilities]}}

    return add


def _restricted(_context: Object) -> Object:
    return {
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


_PROFILES: dict[str, Callable[[Object], Object]] = {
    "legacy": lambda context: context,
    "general": _adding("SYS_PTRACE"),
    "baseline": lambda _context: {},
    "restricted": _restricted,
    "netadmin": _adding("NET_ADMIN", "NET_RAW"),
    "sysadmin": lambda context: {**context, "privileged": True},
}
"""What a profile makes of the security context of the container that debugs."""
_SEES_ROOT = frozenset({"legacy", "general", "sysadmin"})
_SHARES_HOST = frozenset({"legacy", "general", "netadmin", "sysadmin"})
"""Profiles under which a pod on a node mounts the node's files, and shares its namespaces."""


Profile = tuple[str, Object]
"""The name of a profile, and what --custom says beside it."""


def _with_profile(container: Object, change: Callable[[Object], Object], custom: Object) -> Object:
    """The container under a profile, and a custom one over it (applyCustomProfile)."""
    context = change(container.get("securityContext") or {})
    rest = {key: value for key, value in container.items() if key != "securityContext"}
    made = {**rest, "securityContext": context} if context else rest
    if not custom:
        return made
    in_pod = lookup(patch_schema(("", "v1", "Pod")), "spec").schema
    try:
        return strategic.apply(made, custom, lookup(in_pod, "containers").schema)
    except PatchError as error:
        raise _wrong(f"error creating three way patch to add debug container: {error}") from None


# --- the three ways ---------------------------------------------------------------------------------------------


def _in_pod(session: Session, arguments: Arguments, profile: Profile, target: Target, pod: Object) -> Steps:
    """Add a container to the pod (debugByEphemeralContainer)."""
    container = _container(arguments, _name(session, arguments, pod["spec"]))
    if arguments.get("target"):
        container["targetContainerName"] = arguments.get("target")
    container = _with_profile(container, _PROFILES[profile[0]], profile[1])
    _warn_of_user(session, container, pod["spec"])
    present = pod["spec"].get("ephemeralContainers") or []
    debugged = {**pod, "spec": {**pod["spec"], "ephemeralContainers": [*present, container]}}
    patch = two_way(pod, debugged, patch_schema(target.resource.gvk))
    yield session.client.patch(
        target.resource,
        target.namespace,
        target.name,
        patch,
        type="strategic",
        subresource="ephemeralcontainers",
    )


def _copied(session: Session, arguments: Arguments, profile: Profile, target: Target, pod: Object) -> Steps:
    """Make a copy of the pod with a container more, or one that is changed (debugByCopy)."""
    copy, name = _copy(session, arguments, profile, pod)
    for container in copy["spec"]["containers"]:
        if container["name"] == name:
            _warn_of_user(session, container, copy["spec"])
    yield session.client.create(target.resource, copy, target.namespace)
    if arguments.on("replace"):
        yield session.client.delete(target.resource, target.namespace, target.name, grace=0)


def _copy(session: Session, arguments: Arguments, profile: Profile, pod: Object) -> tuple[Object, str]:
    """The copy, and the name of the container that debugs; "" where images alone are changed."""
    left_out = {"ephemeralContainers"} if arguments.on("same-node") else {"ephemeralContainers", "nodeName"}
    spec: Object = {key: value for key, value in pod["spec"].items() if key not in left_out}
    if "share-processes" in arguments.flags:
        spec["shareProcessNamespace"] = arguments.on("share-processes")
    images = _images(arguments)
    spec["containers"] = [
        {**each, "image": images.get(each["name"]) or images.get("*") or each["image"]}
        for each in spec["containers"]
    ]
    wanted = arguments.get("container")
    found = next((field, at) for field, at in _places(spec, wanted)) if any(_places(spec, wanted)) else None
    metadata = {key: pod["metadata"][key] for key in ("labels", "annotations") if key in pod["metadata"]}
    copy: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    metadata["name"] = arguments.get("copy-to")
    if found is None and not arguments.get("image"):
        if images:
            return copy, ""
        raise _wrong("you must specify image when creating new container")
    name = wanted
    if found is None:
        name = _name(session, arguments, spec)
        container = _container(arguments, name)
        found = ("containers", len(spec["containers"]))
        spec["containers"].append(container)
    else:
        container = _changed(arguments, spec[found[0]][found[1]])
    debugger = _with_profile(container, _PROFILES[profile[0]], profile[1])
    field, at = found
    spec[field] = [debugger if place == at else each for place, each in enumerate(spec[field])]
    if profile[1] and field != "containers":
        raise _wrong(f"unable to find the {name} container in the pod {metadata['name']}")
    _strip(arguments, profile[0], metadata, spec)
    return copy, name


def _places(spec: Object, name: str) -> list[tuple[str, int]]:
    """Where the container of that name stands."""
    return [
        (field, at)
        for field in ("containers", "initContainers")
        for at, each in enumerate(spec.get(field) or ())
        if each["name"] == name
    ]


def _changed(arguments: Arguments, container: Object) -> Object:
    """A container of the pod with what the flags say instead."""
    without = {"stdin", "tty"}
    if arguments.command and not arguments.on("arguments-only"):
        without.add("args")
    new = _container(arguments, container["name"])
    said: Object = {
        key: new[key] for key in ("image", "command", "args", "env", "imagePullPolicy") if key in new
    }
    return {**{key: value for key, value in container.items() if key not in without}, **said}


def _strip(arguments: Arguments, profile: str, metadata: Object, spec: Object) -> None:
    """Take from a copy what would have others mistake it for the pod (KeepFlags)."""
    if profile == "legacy":
        metadata.pop("labels", None)
        return
    for field in ("labels", "annotations"):
        if not arguments.on(f"keep-{field}"):
            metadata.pop(field, None)
    dropped = [field for flag, field in _PROBES if not arguments.on(f"keep-{flag}")]
    spec["containers"] = [
        {key: value for key, value in each.items() if key not in dropped} for each in spec["containers"]
    ]
    if not arguments.on("keep-init-containers", default=True):
        spec.pop("initContainers", None)
    spec.setdefault("shareProcessNamespace", True)


def _on_node(session: Session, arguments: Arguments, profile: Profile, node: str, namespace: str) -> Steps:
    """Make a pod on the node that looks at it (generateNodeDebugPod)."""
    name = f"node-debugger-{node}-{_suffix(session)}"
    container = _container(arguments, arguments.get("container", "debugger"))
    _say(
        session,
        arguments,
        f"Creating debugging pod {name} with container {container['name']} on node {node}.",
    )
    spec: Object = {"nodeName": node, "restartPolicy": "Never", "tolerations": [{"operator": "Exists"}]}
    chosen, custom = profile
    if chosen in _SEES_ROOT:
        spec["volumes"] = [{"name": _ROOT, "hostPath": {"path": "/"}}]
        container["volumeMounts"] = [{"mountPath": "/host", "name": _ROOT}]
    if chosen in _SHARES_HOST:
        spec |= _HOST
    # On a node the general profile asks for no capability: the host's namespaces are enough.
    plain: Callable[[Object], Object] = _PROFILES["baseline" if chosen == "general" else chosen]
    spec["containers"] = [_with_profile(container, plain, custom)]
    labels: dict[str, Any] = {"app.kubernetes.io/managed-by": "kubectl-debug"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}
    pods: Resource = session.resource("pods")
    yield session.client.create(pods, pod, namespace)
