"""kubectl describe of namespaces, and of the quotas and limits in them.

**Imitates:** ``describeNamespace``, ``describeQuota`` and ``describeLimitRange`` of kubectl ``pkg/describe`` (v1.36).
"""

from __future__ import annotations

from kcsim.api import objects, quantity
from kcsim.api.objects import Object
from kcsim.api.tables.cells import spec, status
from kcsim.engine.task import Steps
from kcsim.kubectl.describers.writer import Writer
from kcsim.kubectl.session import Session


def describe_namespace(session: Session, obj: Object, writer: Writer) -> Steps:
    """A namespace with its quotas and limits."""
    writer.head(obj, namespaced=False)
    writer.pair("Status", status(obj).get("phase", ""))
    writer.conditions(obj)
    quotas = yield session.client.list("resourcequotas", objects.name(obj))
    limits = yield session.client.list("limitranges", objects.name(obj))
    if not quotas["items"]:
        writer.line(0, "\nNo resource quota.")
    else:
        writer.line(0, "\nResource Quotas")
        for quota in quotas["items"]:
            writer.pair("Name", objects.name(quota), 1)
            _write_scopes(quota, writer, 1, "*")
            writer.line(1, "Resource\tUsed\tHard")
            writer.line(1, "--------\t---\t---")
            for row in _quota_rows(quota):
                writer.line(1, "\t".join(row))
    if not limits["items"]:
        writer.line(0, "\nNo LimitRange resource.")
    else:
        writer.line(0, "\nResource Limits")
        bounds: list[tuple[str, ...]] = [row for item in limits["items"] for row in _limit_rows(item)]
        for cells in (_LIMIT_COLUMNS, tuple("-" * len(name) for name in _LIMIT_COLUMNS), *bounds):
            writer.line(0, " " + "\t".join(cells))


def _quota_rows(obj: Object) -> list[tuple[str, str, str]]:
    hard, used = status(obj).get("hard") or {}, status(obj).get("used") or {}
    return [(name, used.get(name, "0"), hard[name]) for name in sorted(hard)]


def _as(used: str, hard: str) -> str:
    """What is used, written as the limit is (describeQuota)."""
    amount, form = quantity.parse(used), quantity.parse(hard).format
    if amount.format == form:
        return used
    return str(quantity.Quantity(amount.value() * quantity.NANO_PER_UNIT, form))


_SCOPES = {
    "Terminating": (
        "Matches all pods that have an active deadline. These pods have a limited lifespan on a node before being "
        "actively terminated by the system."
    ),
    "NotTerminating": (
        "Matches all pods that do not have an active deadline. These pods usually include long running pods whose "
        "container command is not expected to terminate."
    ),
    "BestEffort": (
        "Matches all pods that do not have resource requirements set. These pods have a best effort quality of service."
    ),
    "NotBestEffort": (
        "Matches all pods that have at least one resource requirement set. These pods have a burstable or guaranteed "
        "quality of service."
    ),
}


def _write_scopes(obj: Object, writer: Writer, level: int, mark: str) -> None:
    """What a quota counts, and what that means (helpTextForResourceQuotaScope)."""
    scopes = sorted(spec(obj).get("scopes") or ())
    if scopes:
        writer.pair("Scopes", ", ".join(scopes), level)
    for scope in scopes:
        if scope in _SCOPES:
            writer.line(level, f"{mark} {_SCOPES[scope]}")


def describe_quota(session: Session, obj: Object, writer: Writer) -> Steps:
    """A ResourceQuota."""
    del session
    writer.names(obj)
    _write_scopes(obj, writer, 0, " *")
    rows = [(name, _as(used, hard), hard) for name, used, hard in _quota_rows(obj)]
    writer.table(0, ("Resource", "Used", "Hard"), rows)
    yield from ()


_LIMIT_COLUMNS = (
    "Type",
    "Resource",
    "Min",
    "Max",
    "Default Request",
    "Default Limit",
    "Max Limit/Request Ratio",
)
_LIMIT_FIELDS = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")


def _limit_rows(obj: Object) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for limit in spec(obj).get("limits") or ():
        names = sorted({name for field in _LIMIT_FIELDS for name in limit.get(field) or ()})
        for name in names:
            cells = [(limit.get(field) or {}).get(name, "-") for field in _LIMIT_FIELDS]
            rows.append((limit.get("type", ""), name, *cells))
    return rows


def describe_limits(session: Session, obj: Object, writer: Writer) -> Steps:
    """A LimitRange."""
    del session
    writer.names(obj)
    writer.table(0, _LIMIT_COLUMNS, _limit_rows(obj))
    yield from ()
