"""A page of headlines, tables, sentences and the list of items, for verbs that report on any outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup

from smallsteps.reports.page.items import Items
from smallsteps.reports.page.rendering import render

Cell = str | Markup  # text is escaped; markup is a picture of our own


@dataclass(frozen=True, slots=True)
class Table:
    """A table that can be downloaded.

    Attributes:
        name: of the downloaded file; caption: above it.
        header: one title a column; rows: as many cells each, the first being the row's title.
        left: further columns that are text and not numbers.
    """

    name: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the page: its anchor, title, sentences, pictures and tables."""

    id: str
    title: str
    aside: str = ""
    sentences: tuple[str, ...] = ()
    figures: tuple[tuple[str, Markup, str], ...] = ()  # name of the download, picture, caption
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class SimplePage:
    """The content of a page.

    Attributes:
        kind: "comparison", "trade-off", "gate" or "scores".
        title: of the page.
        headlines: (name, sentence, anchor) for the first screen.
        front: tables of the first screen; figure: its picture, empty without one; caption: below it.
        parts: what follows.
        items: None leaves the list of items out.
    """

    kind: str
    title: str
    headlines: tuple[tuple[str, str, str], ...]
    front: tuple[Table, ...]
    parts: tuple[Part, ...]
    items: Items | None = None
    figure: Markup = field(default_factory=Markup)
    caption: str = ""


def to_html(page: SimplePage) -> str:
    """One HTML file, safe for any text, the same bytes for the same page."""
    contents = [(part.id, part.title) for part in page.parts]
    if page.items is not None:
        contents.append(("items", "Items"))
    context = {"page": page, "contents": contents, "first_anchor": contents[0][0]}
    return render("smallsteps.reports.page", "simple.html.j2", context, page.items)
