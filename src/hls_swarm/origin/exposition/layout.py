"""Where comments and samples stand on a metrics page: on the next page of a target it hardly ever differs."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple


class Layout(NamedTuple):
    """Where comments and samples stood on the last page.

    Attributes:
        lines: how many there were.
        comments: all of them, checked.
        comments_of, samples_of: pick those lines out of a page's. The last line is the empty one behind the last break.
    """

    lines: int
    comments: tuple[str, ...]
    comments_of: Callable[[list[str]], tuple[str, ...]]
    samples_of: Callable[[list[str]], tuple[str, ...]]

    def fits(self, lines: list[str]) -> bool:
        """Whether another page has the same comments in the same places, and as many lines."""
        return len(lines) == self.lines and not lines[-1] and self.comments_of(lines) == self.comments


def layout_of(lines: list[str], comments: Sequence[str]) -> Layout | None:
    """The layout of a page; None without samples, or with blank lines or comments that say nothing in between."""
    of_comments = [at for at, line in enumerate(lines) if line[:1] == "#"]
    of_samples = [at for at, line in enumerate(lines) if line and line[:1] != "#"]
    if min(len(of_comments), len(of_samples)) < 2 or len(of_comments) != len(comments):
        return None
    if lines[-1] or len(of_comments) + len(of_samples) + 1 != len(lines):
        return None
    return Layout(len(lines), tuple(comments), itemgetter(*of_comments), itemgetter(*of_samples))
