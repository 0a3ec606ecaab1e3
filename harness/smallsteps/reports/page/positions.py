"""Places of `comparing` as marks of the trade-off plane, shared by reports, verbs and leaderboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smallsteps.comparing.places import Place
from smallsteps.reports.page.plane import Marked


def marked(
    found: Sequence[Place], index: Mapping[str, int], titles: Mapping[str, str] | None = None
) -> list[Marked]:
    """Every place with its joint region (moved to where its base is) and its arrow."""
    at = {place.student: (place.target, place.generic) for place in found}
    marks = []
    for place in found:
        origin = at.get(place.base) if place.base is not None else None
        region: tuple[tuple[float, float], ...] = ()
        if origin is not None and place.region is not None:
            region = tuple((origin[0] + x, origin[1] + y) for x, y in place.region.outline())
        title = place.student if titles is None else titles[place.student]
        marks.append(
            Marked(
                index[place.student],
                title,
                place.target,
                place.generic,
                region=region,
                origin=origin,
                on_front=place.on_front,
            )
        )
    return marks
