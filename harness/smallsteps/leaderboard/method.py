"""The method page: how the numbers of a board are made, in plain words."""

from __future__ import annotations

from smallsteps.evaluation.scoring import RULES

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Entries",
        (
            "An entry is every response of one student to every item of a benchmark, with its scores, and "
            "a card that "
            "says who made it. Before it is added, each score is computed again from its response by the "
            "code that "
            f"scores a run ({RULES}). Questions and right answers are the benchmark's, never the entry's. "
            f"One score "
            "that does not follow from its response rejects the whole entry.",
            "Item sets are pinned by their hashes in items.json before entries are added. An entry that "
            "lacks items or benchmarks is shown below the others and not ranked.",
            "“Scores: from responses” means that all were recomputed here. “From published outputs”: "
            "recomputed from "
            "files that somebody else published, whose texts are not kept. “Not recomputed”: the "
            "benchmark's data or "
            "the outputs were not at hand when this site was built; they were when the entry was made. "
            "“As reported”: "
            "nothing could be recomputed.",
            "What an entry cannot show is listed as unknown and never assumed to be in order.",
        ),
    ),
    (
        "Scores and intervals",
        (
            "A score is the share of items answered right, mean over samples and training seeds. A "
            "response without a "
            "usable answer counts as wrong, and the rates of unparsed, malformed and truncated responses "
            "are given "
            "beside it. Intervals are at 95 %: Wilson's for one run of independent items, else Student's "
            "t over "
            "items (or clusters of items) and seeds.",
        ),
    ),
    (
        "Ranks and ties",
        (
            "Every pair of complete students is compared on every column, item by item: the exact McNemar "
            "test for "
            "two single runs, a t test on the paired differences for clusters, parts or several seeds. "
            "All tests of "
            "a board are one family; their p-values are adjusted together (Holm), so that equal students "
            "give any "
            "false statement in at most 5 % of boards.",
            "The rank interval of a student goes from 1 + the number of students shown to be better to the "
            "number of students minus those shown to be worse. ● marks the best and everybody who cannot "
            "be told apart from it: a tie, not a proof of equality.",
            "With one training seed, statements are about that checkpoint; such a student is not tested "
            "against one with several seeds.",
        ),
    ),
    (
        "Generic ability and trade-off",
        (
            "“Generic kept” is the share of a base's accuracy above chance that its student still has, "
            "once by "
            "generated answers and once by the likelihood of the allowed answers, which does not depend "
            "on format. There is no ratio where the base is not shown to be above chance.",
            "On the trade-off page, the share on the front is a description by a joint bootstrap, not a "
            "test.",
        ),
    ),
    (
        "Releases",
        (
            "A release freezes all numbers under a name and a sha256 and never changes. 'smallsteps "
            "leaderboard diff' "
            "lists what differs between two. The same entries give the same site, byte for byte.",
        ),
    ),
)
