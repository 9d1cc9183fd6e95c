"""What the kubelet says: reasons and texts of its Events and of waiting containers, byte for byte.

**Imitates:** ``pkg/kubelet/events/event.go``, ``images/image_manager.go``, ``kuberuntime/*.go``, ``prober/prober.go``
(v1.36).
"""

from __future__ import annotations

from kcsim.engine.clock import MILLISECOND, SECOND

NORMAL = "Normal"
WARNING = "Warning"

CONTAINER_CREATING = "ContainerCreating"
POD_INITIALIZING = "PodInitializing"
CRASH_LOOP_BACK_OFF = "CrashLoopBackOff"
ERR_IMAGE_PULL = "ErrImagePull"
IMAGE_PULL_BACK_OFF = "ImagePullBackOff"
INVALID_IMAGE_NAME = "InvalidImageName"
ERR_IMAGE_NEVER_PULL = "ErrImageNeverPull"
CREATE_CONTAINER_CONFIG_ERROR = "CreateContainerConfigError"
SANDBOX_CHANGED = "Pod sandbox changed, it will be killed and re-created."
STATUS_UNKNOWN = "ContainerStatusUnknown"
STATUS_UNKNOWN_MESSAGE = "The container could not be located when the pod was terminated"
DEADLINE_EXCEEDED_MESSAGE = "Pod was active on the node longer than the specified deadline"


def format_pod(name: str, namespace: str, uid: str) -> str:
    """``name_namespace(uid)``: how the kubelet writes a pod (``util/format/pod.go``)."""
    return f"{name}_{namespace}({uid})"


def go_duration(us: int) -> str:
    """Go's ``Duration.String`` in full: ``5m0s``, ``1h0m0s``, ``1.5s``, ``250ms``, ``0s``."""
    if us == 0:
        return "0s"
    if us < SECOND:
        value, unit = (us, MILLISECOND) if us >= MILLISECOND else (us, 1)
        return f"{_decimal(value, unit)}{'ms' if unit == MILLISECOND else 'µs'}"
    minutes, rest = divmod(us, 60 * SECOND)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, SECOND)}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def _decimal(us: int, unit: int) -> str:
    whole, fraction = divmod(us, unit)
    if not fraction:
        return str(whole)
    return f"{whole}.{fraction:0{len(str(unit)) - 1}d}".rstrip("0")


def resize_requires_restart(container: str) -> str:
    """Event Killing: the container's resizePolicy asks for a restart."""
    return f"Container {container} resize requires restart"


def pulling(image: str) -> str:
    """Event Pulling."""
    return f'Pulling image "{image}"'


def pulled(image: str, pull_us: int, waited_us: int, size_bytes: int) -> str:
    """Event Pulled after a pull; durations are cut to whole milliseconds."""
    took = go_duration(pull_us // MILLISECOND * MILLISECOND)
    waited = go_duration(waited_us // MILLISECOND * MILLISECOND)
    return f'Successfully pulled image "{image}" in {took} ({waited} including waiting). Image size: {size_bytes} bytes.'


def already_present(image: str, *, names_access: bool = True) -> str:
    """Event Pulled when nothing had to be pulled; the part about access came with 1.35."""
    access = " and can be accessed by the pod" if names_access else ""
    return f'Container image "{image}" already present on machine{access}'


def failed_to_pull(image: str, error: str) -> str:
    """Event Failed after a pull that did not work."""
    return f'Failed to pull image "{image}": {error}'


def back_off_pulling(image: str) -> str:
    """Event BackOff of an image; the start of the waiting message."""
    return f'Back-off pulling image "{image}"'


def image_not_found(image: str) -> str:
    """What containerd answers for a tag or repository that the registry does not have."""
    full = normalized_image(image)
    return pull_error(image, "NotFound", f'failed to resolve reference "{full}": {full}: not found')


def pull_error(image: str, code: str, why: str) -> str:
    """What the container runtime answers, over its own protocol (gRPC, with this code), when a pull did not work."""
    return (
        f'rpc error: code = {code} desc = failed to pull and unpack image "{normalized_image(image)}": {why}'
    )


def image_never_present(image: str) -> str:
    """Waiting message under imagePullPolicy Never."""
    return f'Container image "{image}" is not present with pull policy of Never'


def invalid_image_name(image: str) -> str:
    """Event InspectFailed, and the waiting message, of what is no reference to an image."""
    name = image.partition("@")[0]
    name = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    why = "invalid reference format"
    if name != name.lower():
        why += f": repository name ({name}) must be lowercase"
    return f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {why}'


def normalized_image(image: str) -> str:
    """The image with Docker Hub's defaults written out, as containerd shows it."""
    name = image
    last = name.rsplit("/", 1)[-1]
    if ":" not in last and "@" not in last:
        name = f"{name}:latest"
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    if "." not in first and ":" not in first and first != "localhost":
        return f"docker.io/{name}"
    return name


def restarting_failed_container(backoff_us: int, container: str, pod: str) -> str:
    """Waiting message of CrashLoopBackOff; ``pod`` as ``format_pod`` writes it."""
    return f"back-off {go_duration(backoff_us)} restarting failed container={container} pod={pod}"


def back_off_restarting(container: str, pod: str) -> str:
    """Event BackOff of a crashing container."""
    return f"Back-off restarting failed container {container} in pod {pod}"


def stopping(container: str) -> str:
    """Event Killing of a container whose pod ends."""
    return f"Stopping container {container}"


def failed_probe(container: str, kind: str) -> str:
    """Event Killing of a container that its liveness or startup probe condemned."""
    return f"Container {container} failed {kind} probe, will be restarted"


def unhealthy(kind: str, output: str) -> str:
    """Event Unhealthy; ``kind`` is Liveness, Readiness or Startup."""
    return f"{kind} probe failed: {output}"
