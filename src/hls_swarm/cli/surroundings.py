"""What settings alone can not say of themselves: files, packages that are installed, names of metrics."""

from importlib.util import find_spec

from hls_swarm.cli.options import OriginOptions
from hls_swarm.cli.sources import check_can_fill, check_can_write
from hls_swarm.settings.capacity import CapacitySettings
from hls_swarm.settings.checks import SettingValueError
from hls_swarm.settings.run import Settings
from hls_swarm.settings.sections.outputs import REPORTS


def check_run(settings: Settings) -> None:
    """Refuse files that can not be written, extras that are not installed, and metrics that nobody measures.

    Raises:
        SettingValueError: naming the field.
    """
    for field in ("json", *REPORTS):
        if (name := getattr(settings, field)) is not None:
            check_can_write(field, name)
    if settings.p1203 is not None:
        check_can_write("p1203", settings.p1203)
    if settings.output is not None:
        check_can_fill("output", settings.output)
    if settings.record_requests and find_spec("pyarrow") is None:
        raise SettingValueError("record_requests", "needs pyarrow: pip install 'hls-swarm[parquet]'")
    if settings.otlp and find_spec("opentelemetry") is None:
        raise SettingValueError("otlp", "needs OpenTelemetry's SDK: pip install 'hls-swarm[otlp]'")
    if settings.threshold:
        from hls_swarm.judge.thresholds import ThresholdError, check_is_measured, parse_threshold

        for line in settings.threshold:
            try:
                check_is_measured(parse_threshold(line), settings.own_signals)
            except ThresholdError as error:
                raise SettingValueError("threshold", str(error)) from None
    if settings.expect:
        from hls_swarm.judge.expectations import ExpectationError, expectations

        try:
            expectations(settings.expect)
        except ExpectationError as error:
            raise SettingValueError("expect", str(error)) from None


def check_capacity(options: CapacitySettings) -> None:
    """Refuse an objective that is no threshold.

    Raises:
        SettingValueError: naming the field.
    """
    from hls_swarm.capacity.objectives import parse_objectives
    from hls_swarm.judge.thresholds import ThresholdError

    try:
        parse_objectives(options.slo)
    except ThresholdError as error:
        raise SettingValueError("slo", str(error)) from None


def check_origin_files(options: OriginOptions) -> None:
    """Refuse an access log that can not be written.

    Raises:
        SettingValueError: naming the field.
    """
    if options.access_log is not None:
        check_can_write("access_log", options.access_log)
