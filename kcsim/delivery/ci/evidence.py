"""Evidence: what checks found, kept with the run, and the gate that asks for it.

**Imitates:** attestations of a pipeline (in-toto, SLSA) as far as a compliance gate looks at them: which check ran on which commit,
whether it passed, and the digest of its report. Left out: signatures.

**Walk:** a check -> `attest` -> `Run.evidence` and `ci attest run/P/N` -> `Gate` passes where every check it requires passed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from kcsim.delivery.ci.pipelines import StageContext, StageFailed
from kcsim.delivery.ci.runs import Evidence
from kcsim.engine.task import Steps


def attest(context: StageContext, check: str, findings: Sequence[str], *, passed: bool) -> Evidence:
    """Keep what a check found."""
    run, engine = context.run, context.site.engine
    report = "\n".join([check, run.sha, *findings])
    digest = "sha256:" + hashlib.sha256(report.encode()).hexdigest()
    made = Evidence(check, passed, tuple(findings), digest, engine.now)
    run.evidence.append(made)
    for finding in findings:
        context.log(finding)
    detail = {"check": check, "passed": passed, "findings": len(findings), "digest": digest}
    engine.note("ci", "attest", run.subject, detail)
    return made


@dataclass(frozen=True, slots=True)
class Gate:
    """A compliance gate: passes when each of these checks ran in this run and passed."""

    requires: tuple[str, ...]

    def steps(self, context: StageContext) -> Steps:
        """Look at the evidence.

        Raises: StageFailed, with what is missing.
        """
        yield from ()
        latest = {evidence.check: evidence for evidence in context.run.evidence}
        lacking = [
            f"{check}: {'failed' if check in latest else 'no evidence'}"
            for check in self.requires
            if check not in latest or not latest[check].passed
        ]
        attest(context, "gate", lacking, passed=not lacking)
        if lacking:
            raise StageFailed(f"compliance gate: {', '.join(lacking)}")
        return None
