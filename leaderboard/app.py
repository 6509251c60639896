"""The leaderboard's Space: `python leaderboard/app.py`, or pushed as it stands.

Submissions lie in `submissions/`, what the keepers know of them in `records/`. Nothing of a submission is run.
"""

from pathlib import Path

from pluralign.leaderboard.app import app

HERE = Path(__file__).parent

demo = app(HERE / "submissions", HERE / "records")

if __name__ == "__main__":
    demo.launch()
