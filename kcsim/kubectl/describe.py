"""kubectl describe, the part that all kinds share: which objects, their events, and the plain form.

**Imitates:** kubectl ``pkg/describe`` (v1.36). Kinds with a form of their own stand in ``describers``.
"""

from __future__ import annotations

from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.get import fetch
from kcsim.kubectl.session import Session
from kcsim.manifests import dump


def describe(session: Session, arguments: Arguments) -> Steps:
    """``kubectl describe KIND [NAME]``."""
    found, _, _ = yield from fetch(session, arguments)
    for place, obj in enumerate(found):
        if place:
            session.write("\n\n")
        session.write(dump(obj))
    return None
