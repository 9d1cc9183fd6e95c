"""The stories that ship with kcsim."""

from __future__ import annotations

from kcsim.scenario import model
from tools.docs.page import page

GALLERY_HEAD = """\
# The gallery

Stories that ship with kcsim: `kcsim list` names them, `kcsim run NAME` plays one under each of its deliveries and compares
them, `kcsim tui NAME` shows it on a screen you can steer. Each is one file with comments, to be copied and changed; its
expectations say what is to be seen in it, and under which delivery it comes otherwise.
"""


def gallery_page() -> str:
    """docs/gallery.md: every shipped story, what it teaches, and what its expectations say."""
    from kcsim.scenario.load import load
    from kcsim.scenario.shipped import gallery

    stories = [load(path) for path in gallery().values()]
    parts = [GALLERY_HEAD]
    for title, chosen in (
        ("Ways of delivering, compared", [each for each in stories if len(each.deliveries) > 1]),
        ("What a cluster does", [each for each in stories if len(each.deliveries) < 2]),
    ):
        parts.append(f"## {title}\n")
        parts.extend(_story(each) for each in chosen)
    return page("\n".join(parts), "scenarios/")


def _story(story: model.Scenario) -> str:
    under = ", ".join(story.deliveries)
    lines = [f"### {story.title}", "", f"`kcsim run {story.name}` · {under}", "", story.teaches, ""]
    for each in story.expectations:
        if each.note or each.fails_under:
            fails = f" Not under {' and '.join(each.fails_under)}." if each.fails_under else ""
            note = f" {each.note}" if each.note else ""
            lines.append(f"- **{each.name.replace('-', ' ')}.**{note}{fails}")
    return "\n".join([*lines, ""]) if lines[-1] else "\n".join(lines)
