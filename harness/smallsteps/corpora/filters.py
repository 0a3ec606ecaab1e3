"""Four ways to spend the same budget of rationales (Li et al. 2023, 2306.14050, section 4)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from random import Random

import numpy as np
from numpy.typing import NDArray

from smallsteps.errors import UserError
from smallsteps.problems import Rationale

Groups = Mapping[str, Sequence[Rationale]]
# Texts to vectors of length one, [texts, width].
Encode = Callable[[Sequence[str]], NDArray[np.float32]]
# Budgets of the quintiles of open-endedness, as shares of the mean: 1, 3, 5, 7, 9 for a mean of 5.
QUINTILES = (0.2, 0.6, 1.0, 1.4, 1.8)


def rng_for(seed: int, name: str) -> Random:
    """A generator that depends on the seed and the problem alone, not on which other problems there are."""
    return Random(hashlib.sha256(f"{seed}\x1f{name}".encode()).digest())


def ordered(rationales: Sequence[Rationale]) -> list[Rationale]:
    """In the order of their sample indices."""
    return sorted(rationales, key=lambda rationale: rationale.sample)


def draw(rationales: Sequence[Rationale], k: int, seed: int, name: str) -> list[Rationale]:
    """`k` of them at random; a larger k holds what a smaller one held."""
    shuffled = ordered(rationales)
    rng_for(seed, name).shuffle(shuffled)
    return ordered(shuffled[:k])


def random_filter(groups: Groups, k: int, seed: int) -> dict[str, list[Rationale]]:
    """k per problem at random."""
    return {name: draw(group, k, seed, name) for name, group in groups.items()}


def likelihood_filter(groups: Groups, k: int, seed: int) -> dict[str, list[Rationale]]:
    """The k with the highest mean log-probability per token under the teacher.

    Raises:
        UserError: a rationale has no log-probabilities.
    """
    missing = [r for group in groups.values() for r in group if not r.tokens]
    if missing:
        raise UserError(
            f"filter 'likelihood' needs the teacher's log-probabilities, and {len(missing)} rationales "
            f"have none (first: problem '{missing[0].problem_id}', sample {missing[0].sample})",
            fix="collect with sampling.logprobs of 1 or more from a teacher that gives them",
        )

    def mean(rationale: Rationale) -> float:
        return sum(token.logprob for token in rationale.tokens) / len(rationale.tokens)

    return {
        name: ordered(sorted(ordered(group), key=mean, reverse=True)[:k]) for name, group in groups.items()
    }


def diversity_filter(
    groups: Groups, k: int, seed: int, encode: Encode | None = None
) -> dict[str, list[Rationale]]:
    """One at random from each of k clusters of a problem's rationales (average linkage of cosine distances).

    The vectors are those of `encode`, by default TF-IDF over all the rationales.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    crowded = {name: ordered(group) for name, group in groups.items() if len(group) > k}
    chosen = {name: ordered(group) for name, group in groups.items() if len(group) <= k}
    if not crowded:
        return chosen
    # identical texts differ by rounding only; a rounded matrix keeps the tree the same on every machine
    digits = 5 if encode is None else 4  # the sums behind a sentence vector are longer, and less exact
    for (name, group), distance in zip(crowded.items(), _distances(crowded, encode), strict=True):
        condensed = squareform(np.round(np.maximum((distance + distance.T) / 2, 0.0), digits), checks=False)
        tree = linkage(condensed, method="average")
        labels = fcluster(tree, t=k, criterion="maxclust")
        chosen[name] = _one_each(group, labels, k, seed, name)
    return chosen


def _distances(groups: Groups, encode: Encode | None) -> Iterator[NDArray[np.float64]]:
    """Cosine distances within each group, [n, n].

    A sentence encoder sees one problem at a time, so that its clusters depend on no other problem.
    """
    if encode is not None:
        for group in groups.values():
            dense = encode([rationale.text for rationale in group])
            yield 1.0 - np.asarray(dense @ dense.T, dtype=np.float64)
        return
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", sublinear_tf=True, dtype=np.float32)
    sparse = vectorizer.fit_transform([rationale.text for group in groups.values() for rationale in group])
    place = 0
    for group in groups.values():
        rows = sparse[place : place + len(group)]
        place += len(group)
        yield 1.0 - np.asarray((rows @ rows.T).todense(), dtype=np.float64)


def _one_each(
    group: Sequence[Rationale], labels: NDArray[np.int32], k: int, seed: int, name: str
) -> list[Rationale]:
    """One rationale per cluster; clusters that ties have merged are made up for from the rest, at random."""
    rng = rng_for(seed, name)
    clusters: dict[int, list[int]] = {}
    for place, label in enumerate(labels):
        clusters.setdefault(int(label), []).append(place)
    picked = [rng.choice(clusters[label]) for label in sorted(clusters)]
    taken = set(picked)
    rest = [place for place in range(len(group)) if place not in taken]
    rng.shuffle(rest)
    return ordered([group[place] for place in (*picked, *rest[: k - len(picked)])])


def unique_bigrams(rationales: Sequence[Rationale]) -> int:
    """Distinct word pairs over all rationales of a problem."""
    pairs: set[tuple[str, str]] = set()
    for rationale in rationales:
        words = re.findall(r"\w+|[^\w\s]", rationale.text.lower())
        pairs.update(pairwise(words))
    return len(pairs)


def open_endedness_filter(groups: Groups, k: int, seed: int) -> dict[str, list[Rationale]]:
    """More rationales where they vary more: quintiles by unique bigrams get 0.2k to 1.8k each."""
    ranked = sorted(groups, key=lambda name: (unique_bigrams(groups[name]), name))
    chosen = {}
    for rank, name in enumerate(ranked):
        share = QUINTILES[min(4, rank * 5 // max(1, len(ranked)))]
        budget = max(1, round(k * share))
        chosen[name] = draw(groups[name], budget, seed, name)
    return {name: chosen[name] for name in groups}


FILTERS = {
    "random": random_filter,
    "diversity": diversity_filter,
    "likelihood": likelihood_filter,
    "open_endedness": open_endedness_filter,
}


def nested_fraction(names: Sequence[str], fraction: float, seed: int) -> set[str]:
    """A seeded share of the names; a larger share holds what a smaller one held."""
    count = max(1, round(len(names) * fraction)) if names else 0
    ranked = sorted(names, key=lambda name: hashlib.sha256(f"{seed}\x1f{name}".encode()).digest())
    return set(ranked[:count])
