"""The timeline as CSV: one line a second, a column for every metric that was ever known, in the timeline's order."""

import csv
from io import StringIO

from hls_swarm.foreign import visible
from hls_swarm.judge.report import Report


def timeline_csv(report: Report) -> str:
    """The whole file (RFC 4180); what is not known is empty."""
    columns = list(dict.fromkeys(column for row in report.rows for column in row))
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([visible(column) for column in columns])
    writer.writerows([row.get(column, "") for column in columns] for row in report.rows)
    return out.getvalue()
