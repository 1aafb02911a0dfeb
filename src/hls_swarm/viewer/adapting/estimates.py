"""What players estimate of their link, each in its own way. Pure: samples in, bits per second out.

Sources: hls.js 1.7.4 (`utils/ewma*`, `abr-controller`), Media3 1.11 (`DefaultBandwidthMeter`, `SlidingPercentile`),
Shaka Player 5.2 (`EwmaBandwidthEstimator`).
"""

import math
from collections import deque


class Ewma:
    """An exponentially weighted mean whose weights halve every `half_life` of what is put in.

    The estimate is of a start at zero, which is taken out again (hls.js and Shaka alike).
    """

    __slots__ = ("_base", "_estimate", "weight")

    def __init__(self, half_life: float) -> None:
        self._base = 0.5 ** (1 / half_life)
        self._estimate = 0.0
        self.weight = 0.0

    def sample(self, weight: float, value: float) -> None:
        """Take in a value that counts for so much."""
        kept = self._base**weight
        self._estimate = value * (1 - kept) + kept * self._estimate
        self.weight += weight

    @property
    def value(self) -> float:
        """The mean; 0 before the first sample."""
        filled = 1 - self._base**self.weight
        return self._estimate / filled if filled else 0.0


HLSJS_DEFAULT_BPS = 500_000.0
HLSJS_DEFAULT_LIMIT_BPS = 5_000_000.0
_HLSJS_TTFB_SECONDS = 0.1
_HLSJS_TRUSTED_SECONDS = 0.001


class HlsjsEstimate:
    """hls.js: the lower of two moving means of bandwidth, and one of the time to first byte.

    Args:
        first_listed_bps: BANDWIDTH of the first variant that the playlist lists, which the default is raised to.
    """

    __slots__ = ("_default", "_fast", "_slow", "_ttfb")

    def __init__(self, first_listed_bps: float | None = None) -> None:
        self._default = min(max(HLSJS_DEFAULT_BPS, first_listed_bps or 0.0), HLSJS_DEFAULT_LIMIT_BPS)
        self._ttfb = Ewma(9)
        self._fast, self._slow = Ewma(3), Ewma(9)

    @property
    def bps(self) -> float:
        """Bits per second."""
        if self._fast.weight < _HLSJS_TRUSTED_SECONDS:
            return self._default
        return min(self._fast.value, self._slow.value)

    @property
    def is_trusted(self) -> bool:
        """Whether anything was measured."""
        return self._fast.weight >= _HLSJS_TRUSTED_SECONDS

    @property
    def ttfb_seconds(self) -> float:
        """Time from a request to the first byte of its answer."""
        return self._ttfb.value / 1000 if self._ttfb.weight else _HLSJS_TTFB_SECONDS

    def ttfb(self, seconds: float) -> None:
        """Take in a time to first byte; long ones count for little."""
        weight = math.sqrt(2) * math.exp(-(seconds**2) / 2)
        self._ttfb.sample(weight, max(seconds * 1000, 5.0))

    def transfer(self, seconds: float, size_bytes: int) -> None:
        """Take in a body.

        Args:
            seconds: from the request until it could be played, less the lower of its time to first byte and the
                estimate of that.
        """
        seconds = max(seconds, min(0.05, size_bytes / 1e8))
        if seconds <= 0:
            return
        value = 8 * size_bytes / seconds
        self._fast.sample(seconds, value)
        self._slow.sample(seconds, value)

    def forget(self, default_bps: float) -> None:
        """Begin anew with this much (after an abandoned load)."""
        self._default = default_bps
        self._fast, self._slow = Ewma(3), Ewma(9)


_MEDIA3_WINDOW_WEIGHT = 2000
_MEDIA3_TRUSTED_SECONDS = 2.0
_MEDIA3_TRUSTED_BYTES = 512 << 10
MEDIA3_DEFAULT_BPS = 1_000_000.0


class Media3Estimate:
    """Media3: the weighted median of the newest transfers, each weighing the root of its bytes.

    Args:
        initial_bps: what the platform says of the network, before anything was measured.
    """

    __slots__ = ("_initial", "_samples", "_seconds", "_size_bytes", "_weight")

    def __init__(self, initial_bps: float = MEDIA3_DEFAULT_BPS) -> None:
        self._initial = initial_bps
        self._samples: deque[tuple[int, float]] = deque()
        self._weight = 0
        self._seconds = 0.0
        self._size_bytes = 0

    @property
    def bps(self) -> float:
        """Bits per second."""
        if self._seconds < _MEDIA3_TRUSTED_SECONDS and self._size_bytes < _MEDIA3_TRUSTED_BYTES:
            return self._initial
        half, sum_of_weights = 0.5 * self._weight, 0
        for weight, value in sorted(self._samples, key=lambda sample: sample[1]):
            sum_of_weights += weight
            if sum_of_weights >= half:
                return value
        return self._initial

    def transfer(self, seconds: float, size_bytes: int) -> None:
        """Take in a body that took so long from its head on."""
        if seconds <= 0 or not size_bytes:
            return
        self._seconds += seconds
        self._size_bytes += size_bytes
        weight = int(math.sqrt(size_bytes))
        self._samples.append((weight, 8 * size_bytes / seconds))
        self._weight += weight
        while self._weight > _MEDIA3_WINDOW_WEIGHT:
            excess = self._weight - _MEDIA3_WINDOW_WEIGHT
            oldest, value = self._samples.popleft()
            if oldest > excess:
                self._samples.appendleft((oldest - excess, value))
                self._weight -= excess
            else:
                self._weight -= oldest


SHAKA_DEFAULT_BPS = 1_000_000.0
SHAKA_LEAST_BYTES = 16_000
_SHAKA_LEAST_SECONDS = 0.005
_SHAKA_TRUSTED_BYTES = 128_000


class ShakaEstimate:
    """Shaka: the lower of two moving means; small and very short transfers say nothing.

    Args:
        initial_bps: what the browser says of its link (`navigator.connection.downlink`, at most 10 Mbit/s).
    """

    __slots__ = ("_fast", "_initial", "_size_bytes", "_slow")

    def __init__(self, initial_bps: float = SHAKA_DEFAULT_BPS) -> None:
        self._initial = initial_bps
        self._fast, self._slow = Ewma(2), Ewma(5)
        self._size_bytes = 0

    @property
    def bps(self) -> float:
        """Bits per second."""
        if self._size_bytes < _SHAKA_TRUSTED_BYTES:
            return self._initial
        return min(self._fast.value, self._slow.value)

    @property
    def is_trusted(self) -> bool:
        """Whether enough was measured."""
        return self._size_bytes >= _SHAKA_TRUSTED_BYTES

    def transfer(self, seconds: float, size_bytes: int) -> None:
        """Take in a piece of a body, the first one with the time to first byte in it."""
        if size_bytes < SHAKA_LEAST_BYTES or seconds < _SHAKA_LEAST_SECONDS:
            return
        bps = 8 * size_bytes / seconds
        self._size_bytes += size_bytes
        self._fast.sample(seconds, bps)
        self._slow.sample(seconds, bps)
