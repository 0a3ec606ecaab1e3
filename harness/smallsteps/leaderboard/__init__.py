"""The leaderboard: entries that are re-scored from their responses, and a static site made of them."""
