"""The little HTML that notebooks show: tables and words, every text escaped, styled for light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_STYLE = (
    "<style>.kcsim{font:13px/1.5 system-ui,sans-serif}.kcsim table{border-collapse:collapse;margin:.4em 0}"
    ".kcsim th,.kcsim td{border-bottom:1px solid #8884;padding:2px 12px 2px 0;text-align:left;vertical-align:top}"
    ".kcsim .soft{opacity:.65}.kcsim code{font:12px ui-monospace,monospace}</style>"
)


def page(*parts: str) -> str:
    """Parts as one output cell."""
    return f'{_STYLE}<div class="kcsim">{"".join(parts)}</div>'


def text(value: object) -> str:
    """A text as HTML shows it."""
    return escape(str(value), quote=True)


def line(strong: object, soft: object = "") -> str:
    """A line: what matters, then what goes with it."""
    return f'<div><b>{text(strong)}</b> <span class="soft">{text(soft)}</span></div>'


def table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """A table of texts; the first column of each row is its heading."""
    heads = "".join(f'<th scope="col">{text(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{text(row[0])}</th>{"".join(f"<td>{text(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
