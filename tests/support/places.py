"""Where the repository and what is captured for tests lie, wherever a test stands."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""

DATA = ROOT / "tests" / "data"
"""What real programs said once: logs of ffmpeg, pages of exporters."""
