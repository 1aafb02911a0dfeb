"""The flags of the first implementation, go-ffmpeg-hls-swarm, which ran one ffmpeg for each viewer (pure).

Rules:

- The table is all there is: the translation, its tests and the page of these flags are functions of it.
- A flag whose meaning lives on becomes the flag that carries it now, its value in the words of today. The last use
  counts, old or new.
- A flag that nothing needs any more is taken with its value, and one line says why it is of no use; the run goes on.
- A value that the first implementation would have refused is refused.
- A name that means something else today, such as `-timeout`, has its old meaning only under the old program's name;
  `DEFAULTS` hold under that name only, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from hls_swarm.cli.flags.fields import Flag, Kind
from hls_swarm.errors import SettingsError

PROGRAM = "go-ffmpeg-hls-swarm"

DEFAULTS: Mapping[str, object] = MappingProxyType(
    {
        "engine": "ffmpeg",
        "variant": "all",
        "ffmpeg_reconnect": True,
        "ffmpeg_probe_failure": "first",
    }
)
"""What the first implementation did where nothing was said, by field of the settings: the same load on the origin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OldFlag:
    """One flag of the first implementation.

    Attributes:
        name: without dashes.
        kind: how its value is read.
        becomes: the flag that carries its meaning now, without dashes; empty if nothing needs it any more.
        words: its values in today's words; all that it may have been, if there are any.
        unit: what a number of it counts, written behind it.
        least: what a lower number becomes.
        note: why it is of no use, or what is different.
        under_old_name: whether it is read so only by the old program's name, as the name means something else today.
    """

    name: str
    kind: Kind
    becomes: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    least: int = 0
    note: str = ""
    under_old_name: bool = False

    def translated(self, text: str | None) -> str | None:
        """The flag of today with its value, None if there is nothing to set.

        Args:
            text: the value; None for a switch that stands alone.

        Raises:
            SettingsError: the first implementation would have refused the value, too.
        """
        given = "true" if text is None else text
        flag = Flag(field=self.name, kind=self.kind, default=None, help="", section="", choices=tuple(self.words))
        try:
            read = flag.read_text(given)
        except ValueError as error:
            raise SettingsError(f"-{self.name}: {error}") from None
        if isinstance(read, int) and self.kind is Kind.WHOLE:
            given = str(max(read, self.least))
        if self.words:
            given = self.words[str(read).lower()]
        return f"--{self.becomes}={given}{self.unit}" if self.becomes and given else None


_COUNTED = "the bytes of every segment are counted as they arrive, the origin need not list their sizes"

TABLE = (
    OldFlag(
        name="probe-failure-policy",
        kind=Kind.CHOICE,
        becomes="ffmpeg-probe-failure",
        words={"fallback": "first", "fail": "fail"},
    ),
    OldFlag(name="reconnect", kind=Kind.SWITCH, becomes="ffmpeg-reconnect"),
    OldFlag(name="reconnect-delay", kind=Kind.WHOLE, becomes="ffmpeg-reconnect-delay", unit="s"),
    OldFlag(name="seg-retry", kind=Kind.WHOLE, becomes="ffmpeg-segment-retries", note="from FFmpeg 6 on"),
    OldFlag(
        name="timeout",
        kind=Kind.SECONDS,
        becomes="ffmpeg-timeout",
        note="`hls-swarm --timeout` limits a whole request of a native viewer",
        under_old_name=True,
    ),
    OldFlag(name="target-duration", kind=Kind.SECONDS, becomes="ffmpeg-target-duration"),
    OldFlag(name="restart-on-stall", kind=Kind.SWITCH, becomes="ffmpeg-restart-on-stall"),
    OldFlag(
        name="stats-buffer",
        kind=Kind.WHOLE,
        becomes="ffmpeg-log-lines",
        least=5000,
        note="lines of one process in a second, never fewer than by default: one that is dropped makes a run invalid",
    ),
    OldFlag(name="v", kind=Kind.SWITCH, becomes="log-level", words={"true": "debug", "false": ""}),
    OldFlag(name="stats", kind=Kind.SWITCH, note="every request is counted, always"),
    OldFlag(
        name="stats-loglevel",
        kind=Kind.TEXT,
        note="ffmpeg viewers always log what tells status and length of an answer",
    ),
    OldFlag(
        name="stats-drop-threshold",
        kind=Kind.NUMBER,
        note="any dropped line is in the summary and makes the run invalid",
    ),
    OldFlag(
        name="ffmpeg-debug",
        kind=Kind.SWITCH,
        note="ffmpeg viewers always log what segments' timing is taken from",
    ),
    OldFlag(name="progress-socket", kind=Kind.SWITCH, note="ffmpeg viewers always report over a pipe of their own"),
    OldFlag(
        name="skip-preflight",
        kind=Kind.SWITCH,
        note="the checks before a run refuse only what can not work on this machine, and say what to raise",
    ),
    OldFlag(name="segment-sizes-url", kind=Kind.TEXT, note=_COUNTED),
    OldFlag(name="segment-sizes-interval", kind=Kind.SECONDS, note=_COUNTED),
    OldFlag(name="segment-sizes-jitter", kind=Kind.SECONDS, note=_COUNTED),
    OldFlag(name="segment-cache-window", kind=Kind.WHOLE, note=_COUNTED),
)

_FIRST_LETTERS = {"-v": "--v", "--v": "--v"}
"""A flag of one letter, which the rewriting of Go's spelling leaves alone."""


def old_flags(*, old_name: bool) -> Mapping[str, OldFlag]:
    """The flags that are read as of old, by name.

    Args:
        old_name: whether the program was called by its old name.
    """
    return {flag.name: flag for flag in TABLE if old_name or not flag.under_old_name}


def translate(arguments: Sequence[str], old: Mapping[str, OldFlag]) -> tuple[list[str], list[str]]:
    """The arguments in today's flags, and a line for each that is of no use.

    Args:
        arguments: as `normalise_go_flags` gives them.
        old: which flags are read as of old.

    Raises:
        SettingsError: naming an old flag whose value can not be.
    """
    out: list[str] = []
    unneeded: dict[str, list[str]] = {}
    for place, argument in enumerate(arguments):
        if argument == "--":
            out += arguments[place:]
            break
        name, joined, value = argument.partition("=")
        name = _FIRST_LETTERS.get(name, name)
        flag = old.get(name.removeprefix("--")) if name.startswith("--") else None
        if flag is None:
            out.append(argument)
            continue
        if not joined and flag.kind is not Kind.SWITCH:
            raise SettingsError(f"-{flag.name}: needs a value")
        now = flag.translated(value if joined else None)
        if now is not None:
            out.append(now)
        elif not flag.becomes:
            names = unneeded.setdefault(flag.note, [])
            names += [f"-{flag.name}"] * (f"-{flag.name}" not in names)
    return out, [f"{', '.join(names)}: not needed any more: {why}" for why, names in unneeded.items()]
