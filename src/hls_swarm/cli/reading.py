"""The command line as cyclopts reads it: functions whose signatures are made of the commands' flags."""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from cyclopts import App, Parameter

from hls_swarm.cli.actions import Actions
from hls_swarm.cli.commands import CONFIG, VARIABLE_PREFIX, Command
from hls_swarm.cli.flags.fields import Flag, Kind
from hls_swarm.cli.sources import Layer, file_layer, flag_layer, read_settings_file, variable_layer
from hls_swarm.errors import SettingsError


def build_app(table: Mapping[str, Command], environ: Mapping[str, str], actions: Actions, meant: Command) -> App:
    """The command line as cyclopts reads it.

    Args:
        meant: the command whose flags are read; of the others only the name is there. The flags of all of them would
            take longer to lay out than the rest of the start.
    """
    app = App(name="hls-swarm", help_flags=[], version_flags=[], result_action="return_value")
    for command in table.values():
        action = _action(command, table, environ, actions) if command is meant else _not_meant
        if command is meant is table["run"]:
            app.default(action)
        app.command(action, name=command.name, help_flags=[], version_flags=[])
    return app


def _not_meant() -> int:
    raise AssertionError("the first argument names the command")


def _action(
    command: Command, table: Mapping[str, Command], environ: Mapping[str, str], actions: Actions
) -> Callable[..., int]:
    """What cyclopts calls; its signature, made of the command's flags, is what cyclopts reads."""

    def action(*given_by_place: str | None, **texts: list[str] | list[bool] | None) -> int:
        uses = {field: [str(use) for use in given] for field, given in texts.items() if given}
        values = [value for value in given_by_place if value is not None]
        if values:
            uses[argument] = values
        return command.start(actions, command.flags, _layers(command, table, environ, uses))

    argument = next((flag.field for flag in command.flags if flag.is_argument), "")
    parameters = [_parameter(flag) for flag in command.all_flags]
    # cyclopts reads both, the annotations first; no annotation written here could carry a table of flags.
    vars(action)["__signature__"] = inspect.Signature(parameters)
    action.__annotations__ = {}
    return action


def _parameter(flag: Flag) -> inspect.Parameter:
    settings = Parameter(
        name=None if flag.is_argument else f"--{flag.name}",
        negative=(f"--no-{flag.name}",) if flag.kind is Kind.SWITCH and flag.default is None else (),
    )
    hint: Any = str if flag.is_argument else list[bool] if flag.kind is Kind.SWITCH else list[str]
    if flag.is_argument and flag.is_repeatable:
        return inspect.Parameter(flag.field, inspect.Parameter.VAR_POSITIONAL, annotation=Annotated[hint, settings])
    return inspect.Parameter(
        flag.field,
        inspect.Parameter.POSITIONAL_ONLY if flag.is_argument else inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[hint | None, settings],
    )


def _layers(
    command: Command, table: Mapping[str, Command], environ: Mapping[str, str], uses: Mapping[str, list[str]]
) -> tuple[Layer, ...]:
    typed = flag_layer(command.all_flags, uses)
    variables = variable_layer(command.flags, environ, command.prefix)
    config = typed.get(CONFIG.field) or variable_layer((CONFIG,), environ, VARIABLE_PREFIX).get(CONFIG.field)
    if config is None:
        return typed, variables
    path = str(config.value)
    if not path or path == "-":
        raise SettingsError(f"{config.origin}: needs the name of a file")
    content = read_settings_file(path, config.origin)
    of_file = _file_layers(table, content, path)
    return (typed, variables, of_file[command.table], *((of_file[""],) if command.takes_top else ()))


def _file_layers(table: Mapping[str, Command], content: Mapping[str, object], path: str) -> dict[str, Layer]:
    """Each table of the settings file, all of it checked, whichever command reads it."""
    out: dict[str, Layer] = {}
    tables = {command.table for command in table.values()} - {""}
    top = {key: value for key, value in content.items() if key not in tables}
    out[""] = file_layer(table["run"].flags, top, path)
    for command in table.values():
        if not command.table:
            continue
        inner = content.get(command.table, {})
        if not isinstance(inner, dict):
            raise SettingsError(
                f"{path}: {command.table}: must be a table: write [{command.table}] on a line of its own"
            )
        out[command.table] = file_layer(command.flags, inner, f"{path}: [{command.table}]")
    return out
