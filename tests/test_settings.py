from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobdesk.cli import run_cli
from lobdesk.errors import SettingsError
from lobdesk.settings import (
    DAEMON_VARIABLES,
    DaemonSettings,
    Settings,
    load_settings,
    parse_symbols,
)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "lobdesk.toml"


def load(config: Path | None = None, **kwargs: object) -> Settings:
    kwargs.setdefault("environ", {"LOBDESK_HOME": "/nonexistent"})
    return load_settings(config=config, **kwargs).settings  # type: ignore[arg-type]


def test_without_any_layer_every_value_is_its_default() -> None:
    assert load() == Settings()


def test_layers_override_in_the_documented_order(tmp_path: Path, config: Path) -> None:
    config.write_text("[daemon]\nbook_depth = 25\nsnapshot_queue_size = 1\npersist_jsonl = false\n")
    dotenv = tmp_path / ".env"
    dotenv.write_text("KRAKEN_BOOK_DEPTH=100\nSNAPSHOT_QUEUE_SIZE=2\n")
    loaded = load_settings(
        config=config,
        dotenv=dotenv,
        environ={"KRAKEN_BOOK_DEPTH": "500"},
        overrides={"daemon.book_depth": 1000, "daemon.ws_url": None},
    )

    assert loaded.settings.daemon.book_depth == 1000
    assert loaded.settings.daemon.snapshot_queue_size == 2
    assert loaded.settings.daemon.persist_jsonl is False
    assert loaded.origins["daemon.book_depth"] == "command line"
    assert loaded.origins["daemon.snapshot_queue_size"] == f"{dotenv}:2"
    assert loaded.origins["daemon.persist_jsonl"] == str(config)


def test_sections_can_be_set_by_environment() -> None:
    settings = load(environ={"LOBDESK_TRAINING__SEED": "11", "LOBDESK_BACKTEST__SYMBOL": "BTC/USD"})
    assert (settings.training.seed, settings.backtest.symbol) == (11, "BTC/USD")


def test_a_misspelt_key_names_the_file_and_the_nearest_key(config: Path) -> None:
    config.write_text("[windows]\nwindow_row = 5\n")
    with pytest.raises(SettingsError, match=r"lobdesk\.toml: windows\.window_row: .*'window_rows'"):
        load(config)


def test_a_misspelt_section_names_the_nearest_one(config: Path) -> None:
    config.write_text("[windwos]\nx = 5\n")
    with pytest.raises(SettingsError, match="did you mean 'windows'"):
        load(config)


def test_a_wrong_type_names_file_and_key(config: Path) -> None:
    config.write_text('[training]\nseed = "x"\n')
    with pytest.raises(SettingsError, match=r"lobdesk\.toml: training\.seed: Expected `int`"):
        load(config)


def test_broken_toml_is_one_error(config: Path) -> None:
    config.write_text("[daemon\n")
    with pytest.raises(SettingsError, match="is not TOML"):
        load(config)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("KRAKEN_BOOK_DEPTH", "27", "is not one of 10, 25, 100, 500, 1000"),
        ("KRAKEN_BOOK_DEPTH", "ten", "a whole number is expected"),
        ("KRAKEN_SYMBOLS", "BTC,,ETH", "separated by commas"),
        ("KRAKEN_SYMBOLS", "BTC,BTC/USD", "named twice"),
        ("KRAKEN_WS_URL", "http://x", "does not start with ws://"),
        ("SNAPSHOT_QUEUE_SIZE", "0", "below 1"),
        ("L2_PERSIST_JSONL", "maybe", "neither true nor false"),
        ("KRAKEN_SUBSCRIBE_PARAMS", "[1]", "Expected `object`"),
        ("L2_SEGMENT_BYTES", "1", "below 65536"),
        ("KRAKEN_LEVEL3_DEPTH", "25", "is not one of 10, 100, 1000"),
        ("KRAKEN_LEVEL3_URL", "http://x", "does not start with ws://"),
        ("KRAKEN_LEVEL3_RATE", "0", "below 1"),
    ],
)
def test_a_malformed_daemon_variable_is_named(variable: str, value: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(environ={variable: value})
    assert str(caught.value).count(variable) == 1
    assert reason in str(caught.value)
    assert caught.value.exit_code == 2


def test_level_3_without_a_token_is_refused() -> None:
    with pytest.raises(SettingsError, match="needs a token: give one of KRAKEN_LEVEL3_TOKEN"):
        load(environ={"KRAKEN_LEVEL3": "true"})


def test_a_token_comes_from_one_place_only_and_is_never_repeated() -> None:
    environ = {"KRAKEN_LEVEL3_TOKEN": "s3cret", "KRAKEN_LEVEL3_TOKEN_FILE": "/run/token"}
    with pytest.raises(SettingsError, match="give only one of") as caught:
        load(environ=environ)
    assert "s3cret" not in str(caught.value)


def test_config_show_tells_of_a_token_only_that_there_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KRAKEN_LEVEL3_TOKEN", "s3cret")

    for args in (["--origin"], ["--json"]):
        assert run_cli(["config", "show", *args]) == 0

        shown = capsys.readouterr().out
        assert "<set>" in shown
        assert "s3cret" not in shown


def test_an_unknown_name_in_dotenv_names_file_and_line(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("# comment\n\nKRAKEN_SYMBOL=BTC\n")
    with pytest.raises(SettingsError, match=r"\.env:3: KRAKEN_SYMBOL: .*'KRAKEN_SYMBOLS'"):
        load(dotenv=dotenv)


def test_a_dotenv_line_without_equals_is_refused(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("KRAKEN_SYMBOLS\n")
    with pytest.raises(SettingsError, match=r"\.env:1: .*expected NAME=value"):
        load(dotenv=dotenv)


def test_short_symbols_mean_dollars() -> None:
    assert parse_symbols("BTC, eth,SOL/EUR") == ("BTC/USD", "ETH/USD", "SOL/EUR")


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_foreign_variables_are_ignored(environ: dict[str, str]) -> None:
    environ = {k: v for k, v in environ.items() if not k.startswith("LOBDESK_")}
    environ = {k: v for k, v in environ.items() if k not in DAEMON_VARIABLES}
    assert load(environ=environ | {"LOBDESK_HOME": "/nonexistent"}) == Settings()


def test_every_daemon_field_has_a_variable() -> None:
    fields = {field.name for field in msgspec.structs.fields(DaemonSettings)}
    assert set(DAEMON_VARIABLES.values()) == fields


def test_a_mistyped_variable_of_the_daemon_is_refused(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    with pytest.raises(SettingsError, match=r"KRAKEN_SYMBOL: .*did you mean 'KRAKEN_SYMBOLS'"):
        load_settings(dotenv=dotenv, environ={"KRAKEN_SYMBOL": "BTC"})
    load_settings(dotenv=dotenv, environ={"KRAKEN_API_KEY": "x", "L2_CACHE": "y"})
    load_settings(environ={"KRAKEN_SYMBOL": "BTC"})  # not the daemon


def test_a_mistyped_palette_is_refused() -> None:
    with pytest.raises(SettingsError, match="did you mean 'green-red'"):
        load_settings(environ={"LOBDESK_APP__PALETTE": "green-read"})
