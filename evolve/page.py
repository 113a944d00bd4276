"""One self-contained HTML page: words, tables, pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from baselines.reports.page import STYLE


class Page:
    """A page that is written from top to bottom.

    Args:
        title: its heading.
        lead: what it is about, one sentence or two.
    """

    def __init__(self, title: str, lead: str):
        self.title = title
        self.parts = [f"<h1>{escape(title)}</h1><p class=lead>{escape(lead)}</p>"]

    def findings(self, sentences: Sequence[str]) -> None:
        """The answers, before anything else."""
        self.parts.append('<div class="card finding">' + "".join(f"<p>{escape(s)}</p>" for s in sentences) + "</div>")

    def table(self, heading: str, about: str, rows: Sequence[Mapping[str, object]]) -> None:
        """A table whose columns are the keys of its first row."""
        head = "".join(f"<th>{escape(str(column))}</th>" for column in rows[0]) if rows else ""
        body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row.values()) + "</tr>"
                       for row in rows)  # fmt: skip
        self.parts.append(f"<h2>{escape(heading)}</h2><p class=lead>{escape(about)}</p>"
                          f"<div class=card><table><tr>{head}</tr>{body}</table></div>")  # fmt: skip

    def picture(self, file: Path, heading: str, caption: str) -> None:
        """A PNG file, embedded."""
        data = base64.b64encode(file.read_bytes()).decode("ascii")
        image = f'<img alt="{escape(heading)}" src="data:image/png;base64,{data}">'
        self.parts.append(f"<h2>{escape(heading)}</h2><div class=card><figure>{image}"
                          f"<figcaption>{escape(caption)}</figcaption></figure></div>")  # fmt: skip

    def text(self, heading: str, text: str) -> None:
        """Words as they stand: a formula, a file."""
        self.parts.append(f"<h2>{escape(heading)}</h2><div class=card><pre>{escape(text)}</pre></div>")

    def write(self, file: Path) -> Path:
        """Write the page."""
        head = f"<meta charset=utf-8><title>{escape(self.title)}</title><style>{STYLE.read_text()}</style>"
        body = "\n".join(self.parts)
        page = f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>{body}</main></body></html>\n'
        file.write_text(page, encoding="utf-8")
        return file
