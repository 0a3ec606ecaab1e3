"""Jinja templates into one HTML file that works from disk: own style and script by hash, no network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from smallsteps.reports.numbers import count, large, rate
from smallsteps.reports.page import svg
from smallsteps.reports.page.items import TEXT_LIMITS, Items
from smallsteps.terminal import visible_text

_EQUATION = re.compile(r"\b([pn]) ([=<]) (?=\S)")


@lru_cache(maxsize=8)
def environment(package: str) -> Environment:
    """Templates of a package and the shared ones.

    Everything is escaped, controls and direction marks are written out (names and responses come from
    anyone), an unknown name is an error.
    """
    env = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("smallsteps.reports.page")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    env.filters.update(nb=nb, rate=rate, large=large)
    return env


def _visible(value: Any) -> Any:
    return visible_text(value, keep_lines=True) if type(value) is str else value


def render(package: str, template: str, context: Mapping[str, Any], items: Items | None) -> str:
    """The page: shared style and scripts, their hashes for the policy, and the items in compressed blocks.

    Args:
        package: whose `templates` folder holds the template, which extends `base.html.j2`.
        template: its name.
        context: what it shows; everything is escaped.
        items: for the list of items; None leaves it out.
    """
    env = environment(package)
    style = source_of(env, "style.css")
    script = (source_of(env, "items.js") if items is not None else "") + source_of(env, "tools.js")
    blocks = [] if items is None else items.blocks
    return env.get_template(template).render(
        {
            "style": Markup(style),
            "style_hash": hash_of(style),
            "script": Markup(script),
            "script_hash": hash_of(script),
            "key_mark": svg.key_mark,
            "explorer": None if items is None else Markup(_explorer(items)),
            "blocks": [(block, base64.b64encode(block.data).decode()) for block in blocks],
            "items_note": "" if items is None else items_note(items),
            **context,
        }
    )


def nb(text: str) -> str:
    """The text with its small equations kept on one line: "p = 0.031", "n = 300"."""
    return _EQUATION.sub("\\1\u00a0\\2\u00a0", text)


def items_note(items: Items) -> str:
    """The note above the list of items."""
    responses = sum(block.responses for block in items.blocks)
    text = (
        f"All {count(responses)} graded responses. Choose a task, filter, search and sort; "
        "the address keeps your choice."
    )
    if items.text_limit < TEXT_LIMITS[0]:
        text += f" To keep the page small, texts are cut at {count(items.text_limit)} characters."
    return text


def mark(shape: str, style: str) -> Markup:
    """A small picture of a mark, for a line of text."""
    body = svg.mark(shape, 50, 7, f"m {style}")
    return Markup(f'<svg width="14" height="14" aria-hidden="true">{body}</svg>')


def source_of(env: Environment, name: str) -> str:
    """The text of a style sheet or script."""
    return env.loader.get_source(env, name)[0]  # type: ignore[union-attr]


def hash_of(text: str) -> str:
    """A source of a content security policy: `sha256-...`."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _explorer(items: Items) -> str:
    """What `items.js` must know, as JSON that is safe inside a script element."""
    students: Sequence[dict[str, str]] = [{"name": name, "title": title} for name, title in items.students]
    columns = [{"name": b.column, "title": b.title, "items": b.items} for b in items.blocks]
    text = json.dumps({"students": students, "columns": columns}, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e")
