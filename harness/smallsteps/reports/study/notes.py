"""Fixed sentences on how a report's numbers are made."""

from __future__ import annotations

METHOD = (
    "All comparisons are paired: the same items, whole item sets, never an intersection. A response "
    "without a usable answer (unparsed, malformed, truncated or failed) counts as wrong; its rate is shown.",
    "One checkpoint against another on items that vary alone: exact McNemar test on the discordant items, "
    "Tango score interval for the difference, Wilson score interval for one accuracy. Nothing is resampled.",
    "Parts of a suite are fixed strata. Where a benchmark has clusters of items, the clusters are the units.",
    "All tests of the report form one family, adjusted together by Holm's method at 5%: declared claims and "
    "changes in generic ability. A declared test that could not be made keeps its place in it. Intervals are "
    "not adjusted.",
    "80% power for a difference: a true difference of that size would be found in 80% of repetitions, at the "
    "discordance observed and before the adjustment.",
    "Generic ability is measured over the whole suite. “Kept” is (student - chance) / (base - chance), with "
    "Fieller's interval; chance is the better of a uniform guess and the most frequent answer of each part.",
    "“At large” takes the families of a suite's parts as a sample of what could have been asked: each part "
    "weighs the same, and t has one degree of freedom less than there are families.",
)
SEVERAL_SEEDS = (
    "Several seeds: the two-way crossed variance (seeds and items or clusters), Student t with a quantile "
    "for each part (Banerjee 1961). The base is one given model, whose seeds do not vary."
)
ONE_SEED = (
    "1 seed: no method-level claim. A difference between two checkpoints is not yet one between two methods."
)
