"""A metrics page as it was read: its samples in their order, and what its comments say of the families."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from hls_swarm.origin.exposition.grammar import Exemplar, Family, Format, MetricType, Series, read_comment


class Page:
    """All samples of a page, in its order: `series[i]` had the value `values[i]`.

    Attributes:
        timestamps: Unix seconds by index of the sample, where the page gives them.
        exemplars: by index of the sample.
    """

    __slots__ = ("__dict__", "_comments", "exemplars", "format", "series", "timestamps", "values")

    def __init__(
        self,
        page_format: Format,
        series: list[Series],
        values: list[float],
        timestamps: dict[int, float],
        exemplars: dict[int, Exemplar],
        comments: Sequence[str],
    ) -> None:
        self.format, self.series, self.values = page_format, series, values
        self.timestamps, self.exemplars, self._comments = timestamps, exemplars, comments

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def families(self) -> Mapping[str, Family]:
        """What HELP, TYPE and UNIT say, by family name; the last of several lines counts."""
        said: dict[str, dict[str, str]] = {}
        for comment in filter(None, map(read_comment, self._comments)):
            said.setdefault(comment.family, {})[comment.kind] = comment.text
        return {
            name: Family(
                MetricType(lines.get("TYPE", "untyped")), lines.get("HELP", ""), lines.get("UNIT", "").strip(" \t")
            )
            for name, lines in said.items()
        }

    @cached_property
    def by_name(self) -> Mapping[str, list[tuple[Series, float]]]:
        """Samples by metric name, each list in the order of the page."""
        index: dict[str, list[tuple[Series, float]]] = {}
        for series, value in zip(self.series, self.values, strict=True):
            samples = index.get(series.name)
            if samples is None:
                index[series.name] = [(series, value)]
            else:
                samples.append((series, value))
        return index
