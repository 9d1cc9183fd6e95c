"""The report of a run: one self-contained page that anybody can open, and the same in short for a merge request.

Reads what a recording holds (``result.json`` and ``timeline.json``), so a report can be made again long after the run;
``kcsim run --out`` writes both and the page. No network, no library, no clock: the same recording gives the same bytes.

**Walk:** twins -> ``timeline_of`` -> ``timeline.json``; recording -> ``facts_of`` (facts.py) -> ``page`` (page.py, with
sections.py and reasons.py) or ``comment`` (comment.py).
"""

from __future__ import annotations

from kcsim.report.comment import comment
from kcsim.report.facts import Facts, facts_of, read_facts
from kcsim.report.page import page
from kcsim.report.timeline import PAGE, TIMELINE, files_of, timeline_of

__all__ = [
    "PAGE",
    "TIMELINE",
    "Facts",
    "comment",
    "facts_of",
    "files_of",
    "page",
    "read_facts",
    "timeline_of",
]
