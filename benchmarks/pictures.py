"""What a reader waits for: the lanes of a long timeline as SVG, the report of a story, kcsim's import in a notebook."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.figure import Figure, best_of
from kcsim.engine.clock import SECOND
from kcsim.report import facts_of, files_of, page, timeline_of
from kcsim.scenario.compare import compare
from kcsim.views.picture import picture
from kcsim.views.readiness import ReadyStep
from kcsim.views.strips import Happened, Stretch, Strip

EVENTS = 500
STORY = "drift-at-night"
PLOTTING = ("matplotlib", "altair", "plotly", "pandas", "numpy", "ipywidgets", "anywidget")


def lanes() -> Figure:
    """Two worlds with 500 moments between them, drawn and written; the floor writes as many shapes and nothing else."""
    strips = [_strip(name) for name in ("push", "flux")]
    end = EVENTS * 10 * SECOND
    text = str(picture(strips, end, "A long night"))
    spent = best_of(10, lambda: str(picture(strips, end, "A long night")))
    shapes = text.count("<title>")
    least = best_of(10, lambda: _bare(shapes))
    detail = {"shapes": shapes, "KiB": len(text) // 1024}
    return Figure(f"SVG of {EVENTS} moments", spent * 1000, "ms", 20, floor=least * 1000, detail=detail)


def _bare(shapes: int) -> str:
    return "\n".join(
        f'<circle cx="{n / 3:.2f}" cy="12" r="5" class="git"><title>t={n}s dana: commits {n}</title></circle>'
        for n in range(shapes)
    )


def _strip(name: str) -> Strip:
    lanes_ = ("git", "ci", "agent", "api", "person", "fault")
    verbs = ("commit", "start", "patch", "update", "kubectl", "inject")
    moments = [
        Happened(
            n * 20 * SECOND, lanes_[n % 6], "somebody", verbs[n % 6], f"thing/{n}", f"moment {n} of many"
        )
        for n in range(EVENTS // 2)
    ]
    pods = [ReadyStep(n * 40 * SECOND, n % 4, 3 + n % 2) for n in range(EVENTS // 4)]
    failing = [Stretch(n * 90 * SECOND, (n * 90 + 20) * SECOND, "12 timed out") for n in range(50)]
    return Strip(
        name, moments, pods, failing, failing, [n % 9 for n in range(240)], True, EVENTS * 10 * SECOND
    )


def report() -> list[Figure]:
    """The report of a story of the gallery, from finished worlds to the page, and from a recording to the page."""
    twins = compare(STORY)
    document, timeline = twins.result(), timeline_of(twins)
    whole = best_of(5, lambda: ["".join(parts) for parts in files_of(twins, document).values()])
    again = best_of(5, lambda: page(facts_of(document, timeline)))
    size = len(page(facts_of(document, timeline)).encode())
    return [
        Figure(f"report of {STORY}", whole, "s", 1, floor=again, detail={"KiB": size // 1024}),
        Figure(f"size of the report of {STORY}", size / 1024**2, "MiB", 2),
    ]


def notebook_import() -> list[Figure]:
    """``import kcsim`` in a fresh process, and all that the first cell of a notebook loads; the floor is bare Python."""
    alone, _ = _fresh("import kcsim")
    _, loaded = _fresh("import kcsim.notebook.representations, kcsim; kcsim.load")
    bare, _ = _fresh("pass")
    detail = {"loaded": " ".join(loaded)} if loaded else {}
    return [
        Figure("import kcsim", alone, "s", 0.3, floor=bare),
        Figure("plotting libraries loaded by kcsim", len(loaded), "libraries", 0, detail=detail),
    ]


def _fresh(code: str) -> tuple[float, list[str]]:
    """(seconds, plotting libraries loaded) of a line in a process of its own; the median of five."""
    line = f"import sys; exec({code!r}); print('LOADED', *[m for m in {PLOTTING!r} if m in sys.modules])"
    times = []
    said = ""
    for _ in range(5):
        begin = time.perf_counter()
        said = subprocess.run([sys.executable, "-c", line], check=True, capture_output=True, text=True).stdout
        times.append(time.perf_counter() - begin)
    return sorted(times)[2], said.rpartition("LOADED")[2].split()
