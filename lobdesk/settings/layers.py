"""Where the values of settings come from, and which of them wins."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lobdesk.errors import SettingsError, did_you_mean
from lobdesk.paths import config_file
from lobdesk.settings.checks import check_settings
from lobdesk.settings.tree import Settings
from lobdesk.settings.variables import DAEMON_VARIABLES, daemon_value, near_daemon_variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ENV_PREFIX = "LOBDESK_"
RESERVED_VARIABLES = {"LOBDESK_HOME", "LOBDESK_DATA_DIR", "LOBDESK_CONFIG"}


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """Settings and where each value that is not a default came from.

    Attributes:
        settings: The merged tree.
        origins: ``section.key`` → file, variable or flag.
    """

    settings: Settings
    origins: dict[str, str]


def load_settings(
    *,
    config: Path | None = None,
    dotenv: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """Merge all layers.

    Args:
        config: A file that must exist; None takes ``LOBDESK_CONFIG``, else the user's file if any.
        dotenv: A ``.env`` file, read if it exists.
        overrides: ``section.key`` → value from the command line; None values are ignored.
        environ: The environment; None means the process's own.

    Raises:
        SettingsError: A key is unknown, or a value has the wrong type or range.
    """
    environ = os.environ if environ is None else environ
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, values in _layers(config, dotenv, overrides or {}, environ):
        for dotted, value in values.items():
            _assign(merged, dotted, value, origin)
            origins[dotted] = origin
    settings = _convert(merged, origins)
    check_settings(settings, origins)
    return Loaded(settings=settings, origins=origins)


def _layers(
    config: Path | None,
    dotenv: Path | None,
    overrides: Mapping[str, object],
    environ: Mapping[str, str],
) -> list[tuple[str, dict[str, Any]]]:
    layers: list[tuple[str, dict[str, Any]]] = []
    named = environ.get("LOBDESK_CONFIG")
    path = config or (Path(named) if named else config_file())
    if config is not None or named or path.is_file():
        layers += [(f"{path}", _flatten(_read_toml(path)))]
    if dotenv is not None and dotenv.exists():
        layers += [(f"{dotenv}:{n}", {k: v}) for n, k, v in _read_dotenv(dotenv)]
    for variable, value in environ.items():
        if variable in DAEMON_VARIABLES:
            layers.append((variable, daemon_value(variable, value, variable)))
        elif dotenv is not None and (near := near_daemon_variable(variable)):
            # Others may use the same prefixes, so only what looks like ours is refused.
            raise SettingsError(variable, variable, f"unknown variable; did you mean {near!r}?")
        elif variable.startswith(ENV_PREFIX) and variable not in RESERVED_VARIABLES:
            dotted = variable.removeprefix(ENV_PREFIX).lower().replace("__", ".")
            layers.append((variable, {dotted: _from_text(value)}))
    flags = {key: value for key, value in overrides.items() if value is not None}
    layers.append(("command line", flags))
    return layers


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(str(path), "", f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(str(path), "", "is not TOML: not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(str(path), "", f"is not TOML: {error}") from error


def _flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for section, value in tree.items():
        if isinstance(value, dict) and section in Settings.__struct_fields__:
            flat |= {f"{section}.{key}": leaf for key, leaf in value.items()}
        else:
            flat[section] = value
    return flat


def _read_dotenv(path: Path) -> list[tuple[int, str, Any]]:
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise SettingsError(str(path), "", f"cannot be read: {reason}") from error
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.removeprefix("export ").partition("=")
        name, value = name.strip(), value.strip()
        if not equals:
            raise SettingsError(f"{path}:{number}", text, "expected NAME=value")
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        if name.startswith(ENV_PREFIX):
            dotted = name.removeprefix(ENV_PREFIX).lower().replace("__", ".")
            found.append((number, dotted, _from_text(value)))
        elif name in DAEMON_VARIABLES:
            values = daemon_value(name, value, f"{path}:{number}")
            found += [(number, dotted, leaf) for dotted, leaf in values.items()]
        else:
            raise SettingsError(f"{path}:{number}", name, _unknown(name, DAEMON_VARIABLES))
    return found


def _from_text(text: str) -> Any:  # noqa: ANN401 - any TOML value
    """Read a value the way TOML would; what is no TOML value is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _assign(tree: dict[str, Any], dotted: str, value: object, origin: str) -> None:
    section, _, key = dotted.partition(".")
    known = {field.name: field for field in msgspec.structs.fields(Settings)}
    if section not in known:
        raise SettingsError(origin, dotted, _unknown(section, known))
    if not key:
        tree[section] = value
        return
    names = getattr(known[section].type, "__struct_fields__", ())
    if key not in names:
        raise SettingsError(origin, dotted, _unknown(key, names))
    tree.setdefault(section, {})[key] = value


def _unknown(name: str, known: Iterable[str]) -> str:
    return f"unknown key; {did_you_mean(name, sorted(known))}"


def _convert(tree: dict[str, Any], origins: Mapping[str, str]) -> Settings:
    try:
        return msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        dotted = path.split("[")[0].rstrip("`") or "settings"
        raise SettingsError(origins.get(dotted, "settings"), dotted, reason) from None
