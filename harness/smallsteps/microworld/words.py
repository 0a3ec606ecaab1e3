"""The words of the micro-world. Few, because each one costs the base model a row of its embedding."""

from __future__ import annotations

NAMES = ("Ann", "Ben", "Cal", "Dan", "Eva", "Fay", "Gus", "Ida", "Jim", "Kim", "Leo", "Mia")

# Things that can be counted, bought, shared and compared, as (singular, plural).
ITEMS = (
    ("apple", "apples"),
    ("ball", "balls"),
    ("book", "books"),
    ("cake", "cakes"),
    ("card", "cards"),
    ("cup", "cups"),
    ("hat", "hats"),
    ("key", "keys"),
    ("nut", "nuts"),
    ("pear", "pears"),
    ("pen", "pens"),
    ("plum", "plums"),
    ("shell", "shells"),
    ("stone", "stones"),
)
PLURALS = tuple(plural for _, plural in ITEMS)

# Words of the generic tasks by kind; the kinds are what odd-one-out and object counting ask about.
KINDS: dict[str, tuple[str, ...]] = {
    "animal": ("cat", "cow", "dog", "duck", "frog", "goat", "hen", "pig"),
    "fruit": ("apple", "fig", "lemon", "lime", "mango", "pear", "plum"),
    "tool": ("axe", "drill", "hammer", "pick", "saw", "spade"),
    "color": ("black", "blue", "green", "red", "white", "yellow"),
}
COLORS = KINDS["color"]
THINGS = ("ball", "book", "cup", "hat", "key", "pen")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
