"""How long a worker goes on without a word of its controller: pure, the worker tells it the time.

Rules:

- Each poll renews it. When it has run out, the worker ends its load: whoever asked for it may be gone for good.
- Only time in which the worker itself ran counts. One that was stopped, or that a busy machine kept from running, finds
  the polls that wait for it after the timer that judges it: they must be read first.
"""

CHECK_SECONDS = 1.0
"""Between two checks."""


class Lease:
    """One worker's lease.

    Args:
        now: instant of the monotonic clock at which it begins.
        seconds: its length until the first poll names another.
    """

    def __init__(self, now: float, seconds: float) -> None:
        self._until = now + seconds
        self._checked_at = now

    def renew(self, now: float, seconds: float) -> None:
        """A poll came."""
        self._until = now + seconds

    def has_run_out(self, now: float) -> bool:
        """Whether it is over; to be asked every `CHECK_SECONDS`."""
        late = now - self._checked_at - CHECK_SECONDS
        self._checked_at = now
        if late > CHECK_SECONDS:
            self._until += late
        return now > self._until
