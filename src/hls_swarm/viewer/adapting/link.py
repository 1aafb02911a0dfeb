"""What a player makes of its link, from exchanges as they come: for viewers that tell it and do not adapt by it."""

from collections.abc import Callable

from hls_swarm.records import Exchange
from hls_swarm.viewer.adapting.algorithm import Adaptation
from hls_swarm.viewer.adapting.estimates import HlsjsEstimate, Media3Estimate, ShakaEstimate


class Link:
    """The estimate of one viewer.

    Args:
        adaptation: whose way of estimating.
    """

    __slots__ = ("_estimate", "_measure")

    def __init__(self, adaptation: Adaptation) -> None:
        self._estimate: HlsjsEstimate | ShakaEstimate | Media3Estimate
        self._measure: Callable[[Exchange, bool], None]
        match adaptation:
            case Adaptation.HLSJS:
                self._estimate, self._measure = HlsjsEstimate(), self._as_hlsjs
            case Adaptation.SHAKA:
                self._estimate, self._measure = ShakaEstimate(), self._from_request
            case Adaptation.MEDIA3:
                self._estimate, self._measure = Media3Estimate(), self._from_first_byte

    @property
    def bps(self) -> float:
        """Bits per second."""
        return self._estimate.bps

    def begin(self, first_listed_bps: int) -> None:
        """The multivariant playlist is here; BANDWIDTH of the variant that it lists first."""
        if isinstance(self._estimate, HlsjsEstimate) and not self._estimate.is_trusted:
            self._estimate = HlsjsEstimate(first_listed_bps)

    def measure(self, exchange: Exchange, *, is_media: bool) -> None:
        """A segment, or an init section, of the main track has come."""
        self._measure(exchange, is_media)

    def _as_hlsjs(self, exchange: Exchange, is_media: bool) -> None:
        estimate, ttfb = self._estimate, exchange.ttfb_seconds
        if not isinstance(estimate, HlsjsEstimate) or ttfb is None:
            return
        estimate.ttfb(ttfb)
        if is_media:
            seconds = exchange.download_seconds - min(ttfb, estimate.ttfb_seconds)
            estimate.transfer(seconds, exchange.body_bytes)

    def _from_request(self, exchange: Exchange, is_media: bool) -> None:
        if is_media:
            self._estimate.transfer(exchange.download_seconds, exchange.body_bytes)

    def _from_first_byte(self, exchange: Exchange, is_media: bool) -> None:
        if is_media and exchange.first_byte_at is not None:
            self._estimate.transfer(exchange.ended_at - exchange.first_byte_at, exchange.body_bytes)
