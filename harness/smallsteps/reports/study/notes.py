"""Fixed sentences on how a report's numbers are made."""

from __future__ import annotations

METHOD = (
    "All comparisons are paired: both students answered the same items, and no item is left out. A response "
    "without a usable answer (unparsed, malformed, truncated or failed) counts as wrong; its rate is shown.",
    "Two single runs on independent items: exact McNemar test on the discordant items, Tango's score "
    "interval for the difference, Wilson's score interval for one accuracy.",
    "Parts of a suite are fixed strata. Where a benchmark has clusters of items, the clusters are the units.",
    "The declared claims and the changes in generic ability, on each suite and at large, form one family of "
    "tests, adjusted together by Holm's method at 5%. A declared test that could not be made counts in it "
    "with p = 1. Intervals are not adjusted, nor are p-values seed by seed.",
    "80% power for a difference: a true difference of that size would be found in 80% of repetitions, at the "
    "observed discordance or variance and before the adjustment.",
    "Generic ability is measured over the whole suite. “Kept” is (student − chance) / (base − chance), with "
    "Fieller's interval. The chance level of each part is the accuracy of a uniform guess or of always "
    "giving the most frequent answer, whichever is higher.",
    "“At large” takes the families of a suite's parts as a sample of tasks: each part has the same weight, "
    "and families are the units.",
)
SEVERAL_SEEDS = (
    "Several seeds: the two-way crossed variance of seeds and items (or clusters), and Student's t with a "
    "quantile for each part (Banerjee 1961). The base is one given model, without variance between seeds."
)
ONE_SEED = (
    "1 seed: no method-level claim. A difference between two checkpoints need not hold between two methods."
)
