"""Fixed sentences on how a report's numbers are made."""

from __future__ import annotations

METHOD = (
    "All comparisons are paired: the same items, whole item sets, never an intersection. A response "
    "that could not be read, was cut off or failed counts as wrong, and its rate is shown.",
    "One checkpoint against another: exact McNemar test on the discordant items, Tango score interval "
    "for the difference, Wilson score interval for one accuracy. Nothing is resampled.",
    "Declared claims are adjusted together by Holm's method at 5%. A declared test that could not be "
    "made keeps its place in the family. Intervals are not adjusted.",
    "“Would have been found four times in five” is the true difference that this comparison, at its own "
    "rate of disagreement and before the adjustment, finds with 80% power.",
    "Generic ability: a subtask counts where the Wilson interval of the base lies above chance. "
    "Choosing by the base's own results favours finding a loss a little; the change over all subtasks "
    "stands beside it.",
    "“Over subtasks” takes the subtasks as a sample of what could have been asked: each weighs the "
    "same, and t has one degree of freedom less than there are subtasks (or families of them).",
)
SEVERAL_SEEDS = (
    "Several seeds: the two-way crossed variance (seeds and items), Student t with Satterthwaite's "
    "degrees of freedom. Against a single checkpoint, such as the base, that checkpoint is taken as "
    "fixed."
)
ONE_SEED = (
    "1 seed: no method-level claim. A difference between two checkpoints is not yet one between two methods."
)
