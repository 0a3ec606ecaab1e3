"""Pages as text: templates, the style shared with the study report, one small script, and a strict policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from smallsteps.leaderboard.numbers import Span
from smallsteps.reports import numbers as shown
from smallsteps.reports.page import rendering as shared
from smallsteps.terminal import visible_text


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Templates of the site, with its filters."""
    env = shared.environment("smallsteps.leaderboard")
    env.filters.update(
        per_cent=per_cent,
        spanned=spanned,
        difference=difference,
        p_value=shown.p_value,
        exact=exact,
        ranks=ranks,
    )
    return env


def places_of(interval: Span | None) -> int:
    """Decimals that an interval supports."""
    return 1 if interval is None else shown.decimals(interval.low, interval.high)


def per_cent(value: float, interval: Span | None) -> str:
    """A share as per cent."""
    return shown.points(value, places_of(interval))


def difference(value: float, interval: Span | None) -> str:
    """A difference in points, with its sign."""
    return shown.signed(value, places_of(interval))


def spanned(interval: Span) -> str:
    """An interval: "80.9 to 85.6"."""
    return shown.span(interval.low, interval.high, places_of(interval))


def exact(value: float) -> str:
    """A number to sort by."""
    return f"{value:.6g}"


def ranks(pair: tuple[int, int]) -> str:
    """ "2" or "2–4"."""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}–{pair[1]}"


@dataclass(frozen=True, slots=True)
class Shell:
    """The common parts of all pages.

    Attributes:
        title: of the site; tabs: pages of the navigation and their titles; feed: whether there is one.
        footer: how the site was made.
    """

    title: str
    tabs: tuple[tuple[str, str], ...]
    feed: bool
    footer: str


@lru_cache(maxsize=4)
def _assets(script: str) -> dict[str, Any]:
    env = environment()
    style = shared.source_of(env, "style.css") + shared.source_of(env, "board.css")
    code = (shared.source_of(env, script) if script else "") + shared.source_of(env, "tools.js")
    return {
        "style": Markup(style),
        "script": Markup(code),
        "style_hash": shared.hash_of(style),
        "script_hash": shared.hash_of(code),
    }


def page(
    template: str,
    shell: Shell,
    path: str,
    title: str,
    *,
    script: str = "",
    item_block: str = "",
    **context: Any,
) -> str:
    """One page; control characters and direction marks in texts are written out.

    Args:
        template: its name.
        shell: what all pages share.
        path: of the page below the site's root, with `/`.
        title: of the page.
        script: file of what it does beside downloads.
        item_block: see `itemlist`; empty for a page without one.
        context: of the template.
    """
    found = (
        environment()
        .get_template(template)
        .render(
            **_assets(script),
            site=shell,
            tabs=shell.tabs,
            feed=shell.feed,
            footer=shell.footer,
            root="../" * path.count("/"),
            here=path,
            title=title,
            item_block=item_block,
            **context,
        )
    )
    return visible_text(found, keep_lines=True)
