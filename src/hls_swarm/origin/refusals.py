"""A server that refuses its exporter now and then: told as one trouble, and not as ever new ones.

A server without a free connection answers one question and refuses the next. Whoever looks at the last answer alone
sees it go down and come up again every few seconds. So once it has refused twice, with an answer in between, it counts
as refusing until it has answered for a while.
"""

CALM_SECONDS = 10.0
"""Without a refusal for so long the trouble is over."""


class Refusals:
    """The refusals of the trouble that lasts, or of the last one."""

    def __init__(self) -> None:
        self.count = 0
        self._times = 0
        self._first_at = self._last_at = 0.0
        self._refuses = False

    def add(self, refused: bool, at: float) -> None:
        """What the server did at an instant, by the monotonic clock."""
        if self.count and not self._refuses and at - self._last_at >= CALM_SECONDS:
            self.count = self._times = 0
        if refused:
            if not self.count:
                self._first_at = at
            self._times += not self._refuses
            self.count += 1
            self._last_at = at
        self._refuses = refused

    def lasts(self, at: float) -> bool:
        """Whether the trouble goes on."""
        return self._refuses or (self._times > 1 and at - self._last_at < CALM_SECONDS)

    @property
    def words(self) -> str:
        """How often and for how long, to stand behind a reason; empty for one refusal."""
        if self.count < 2:
            return ""
        return f" ({self.count} times in {self._last_at - self._first_at:.0f} s)"
