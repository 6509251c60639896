"""Submissions that are checked, recomputed and ranked with their uncertainty. `docs/leaderboard.md` tells the rules."""
