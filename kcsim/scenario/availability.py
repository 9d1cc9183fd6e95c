"""What users noticed, as measures and as data: availability, latency, kinds of errors, the error budget, each failure.

Everything is read from what the sources of traffic know of their requests; nothing is kept beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kcsim.cluster.traffic.ledger import Failure, Latency, Totals, add, merged_latency
from kcsim.cluster.traffic.source import TrafficSource
from kcsim.engine.clock import MILLISECOND, SECOND, format_duration, to_seconds
from kcsim.engine.trace import Record
from kcsim.scenario.measure import Measure
from kcsim.scenario.model import Scenario

TOLD_MAX = 12
"""Failures that a measure tells one by one, and that a document holds for each source ten times as many of."""


def availability_measures(
    scenario: Scenario, sources: Mapping[str, TrafficSource], now: int
) -> Iterable[Measure]:
    """The measures of all traffic up to an instant (µs); none where nobody sends any."""
    if not sources:
        return
    totals = {name: source.totals(now) for name, source in sources.items()}
    ended, failed = sum(t.ended for t in totals.values()), sum(t.failed for t in totals.values())
    lines = tuple(_line(name, each) for name, each in totals.items())
    yield Measure(
        "availability",
        "Availability, as requests saw it",
        _percent(ended, failed),
        "%",
        "Share of requests that were answered well and in time, of all that ended.",
        lines,
        "no request",
    )
    if len(sources) > 1:
        for (name, each), line in zip(totals.items(), lines, strict=True):
            yield Measure(
                f"availability_{name}",
                f"Availability for {name}",
                _percent(each.ended, each.failed),
                "%",
                f"Share of the requests of {name} that were answered well and in time.",
                (line,),
                "no request",
            )
    yield Measure(
        "requests", "Requests sent by users", ended, "requests", "Requests of all traffic that ended."
    )
    yield Measure(
        "failed_requests",
        "Requests that failed",
        failed,
        "requests",
        "Requests that got an error, no answer in time, or no connection.",
        tuple(_failure_lines(sources, now)),
    )
    yield _kinds(totals.values())
    yield from _latencies(sources, now)
    yield _budget(scenario, totals)


def _line(name: str, totals: Totals) -> str:
    causes = "".join(f", {count} {cause}" for cause, count in totals.causes.items())
    return f"{name}: {totals.ended:,} requests{causes}"


def _kinds(totals: Iterable[Totals]) -> Measure:
    kinds: dict[str, int] = {}
    for each in totals:
        for kind, count in each.kinds.items():
            add(kinds, kind, count)
    most = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    return Measure(
        "error_kinds",
        "Kinds of errors",
        ", ".join(f"{kind} {count:,}" for kind, count in most) or None,
        "",
        "Failed requests by what their clients saw or what stopped them: NXDOMAIN, dns timeout, connection refused, reset, "
        "timeout, policy drop, no endpoints, not ready, 404, 5xx.",
        (),
        "none",
    )


def _latencies(sources: Mapping[str, TrafficSource], now: int) -> Iterable[Measure]:
    found = merged_latency([points for s in sources.values() if (points := s.ledger.points(now))])
    single = {name: source.latency(now) for name, source in sources.items()}
    for name, word, share in (("p50", "median", "half"), ("p99", "99th percentile", "99 of 100")):
        value = getattr(found, name) if found is not None else None
        yield Measure(
            f"latency_{name}",
            f"Time to answer, {word}",
            None if value is None else round(value / MILLISECOND, 1),
            "ms",
            f"So long or less took {share} of the requests that were answered well, with all their tries.",
            tuple(_latency_line(source, latency) for source, latency in single.items()),
            "no answer",
        )


def _latency_line(name: str, latency: Latency | None) -> str:
    if latency is None:
        return f"{name}: no answer"
    values = (("p50", latency.p50), ("p90", latency.p90), ("p99", latency.p99), ("p99.9", latency.p999))
    return f"{name}: " + ", ".join(f"{word} {value / 1000:.1f} ms" for word, value in values)


def _budget(scenario: Scenario, totals: Mapping[str, Totals]) -> Measure:
    used: list[float] = []
    lines = []
    for traffic in scenario.traffic:
        if traffic.objective is None or traffic.name not in totals:
            continue
        each = totals[traffic.name]
        allowed = each.ended * (1 - traffic.objective)
        share = budget_used(each, traffic.objective)
        if share is None:
            continue
        used.append(share)
        lines.append(
            f"{traffic.name}: {each.failed:,} of {allowed:,.1f} that may fail at {traffic.objective * 100:g} %"
        )
    return Measure(
        "error_budget_used",
        "Error budget used",
        round(max(used), 2) if used else None,
        "%",
        "Failed requests as a share of those that may fail by the objective of their traffic; of several the worst. More than "
        "100 % is an objective missed.",
        tuple(lines),
        "no objective",
    )


def budget_used(totals: Totals, objective: float) -> float | None:
    """Failed requests in percent of those that may fail; None where there is no request, infinity where none may."""
    if not totals.ended:
        return None
    allowed = totals.ended * (1 - objective)
    if allowed <= 0:
        return float("inf") if totals.failed else 0.0
    return 100 * totals.failed / allowed


def _failure_lines(sources: Mapping[str, TrafficSource], now: int) -> list[str]:
    found = [(name, failure) for name, source in sources.items() for failure in source.failures(now)]
    found.sort(key=lambda each: (each[1].since, each[0]))
    lines = [_told(name, failure) for name, failure in found[:TOLD_MAX]]
    if len(found) > TOLD_MAX:
        left = sum(failure.count for _, failure in found[TOLD_MAX:])
        lines.append(f"and {len(found) - TOLD_MAX} stretches more with {left:,} failed requests")
    return lines


def _told(name: str, failure: Failure) -> str:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in failure.kinds.items())
    text = f"{_at(failure.since)} to {_at(failure.until)} {name}: {kinds}"
    if failure.where:
        text += f" ({failure.where[0]})"
    elif failure.pods:
        pods = ", ".join(failure.pods[:3]) + (" ..." if len(failure.pods) > 3 else "")
        text += f" at {pods}"
    return f"{text}, since {_record(failure.why)}" if failure.why is not None else text


def _record(record: Record) -> str:
    """What began it all: the end of the chain of causes."""
    origin = record.chain()[-1]
    return f"{origin.actor} {origin.verb} {origin.subject}"


def _at(us: int) -> str:
    return format_duration(us // 1000 * 1000)


def _percent(ended: int, failed: int) -> float | None:
    return round(100 * (ended - failed) / ended, 4) if ended else None


# --- as data ----------------------------------------------------------------------------------------------------


def traffic_json(scenario: Scenario, sources: Mapping[str, TrafficSource], now: int) -> list[dict[str, Any]]:
    """Every source's results as the ``--json`` document shows them; times in virtual seconds."""
    objectives = {traffic.name: traffic.objective for traffic in scenario.traffic}
    return [_source_json(name, source, objectives.get(name), now) for name, source in sources.items()]


def _source_json(name: str, source: TrafficSource, objective: float | None, now: int) -> dict[str, Any]:
    totals, latency = source.totals(now), source.latency(now)
    failures = source.failures(now)
    shown = failures[: 10 * TOLD_MAX]
    data: dict[str, Any] = {
        "name": name,
        "target": source.target,
        "sent": totals.sent,
        "ended": totals.ended,
        "ok": totals.ok,
        "failed": totals.failed,
        "availability": totals.availability if totals.ended else None,
        "errors": totals.kinds,
        "causes": totals.causes,
        "latency": _latency_json(latency),
        "failures": [_failure_json(each) for each in shown],
        "failures_left_out": len(failures) - len(shown),
    }
    if objective is not None:
        used = budget_used(totals, objective)
        finite = used is not None and used != float("inf")
        data["objective"], data["error_budget_used"] = objective, round(used or 0, 4) if finite else None
    return data


def _latency_json(latency: Latency | None) -> dict[str, float] | None:
    if latency is None:
        return None
    names: Sequence[str] = ("mean", "p50", "p90", "p95", "p99", "p999")
    return {name: getattr(latency, name) / SECOND for name in names}


def _failure_json(failure: Failure) -> dict[str, Any]:
    why = failure.why
    return {
        "since": to_seconds(failure.since),
        "until": to_seconds(failure.until),
        "count": failure.count,
        "errors": failure.kinds,
        "causes": failure.causes,
        "where": list(failure.where),
        "pods": list(failure.pods),
        "why": None if why is None else _record(why),
    }
