import os
import re
from pathlib import Path

import pytest

from chassis.settings import SettingInvalid, Settings, read_key, table

ROOT = Path(__file__).parents[2]


def test_every_setting_is_documented() -> None:
    assert table() in (ROOT / "docs/settings.md").read_text(encoding="utf-8")


def test_every_variable_that_the_code_names_is_a_setting() -> None:
    named = {
        name
        for folder in ("chassis", "services", "localchat", "devtools")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"\bTUOPIN_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8"))
    }
    documented = set(re.findall(r"TUOPIN_[A-Z_]+", table()))
    assert set() == named - documented


def test_without_variables_everything_has_a_default() -> None:
    assert Settings.from_environment({"HOME": "/root"}) == Settings()


def test_values_are_read_with_their_types() -> None:
    settings = Settings.from_environment(
        {"TUOPIN_HEALTH_PORT": "8080", "TUOPIN_TRACE_RATIO": "0.5", "TUOPIN_DATA": "/d"}
    )
    assert (settings.health_port, settings.trace_ratio) == (8080, 0.5)
    assert settings.token_key_path() == Path("/d/token.key")


def test_an_empty_variable_is_not_set() -> None:
    assert Settings.from_environment({"TUOPIN_HEALTH_PORT": ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("TUOPIN_HEALTH_PROT", "1", "TUOPIN_HEALTH_PROT"),
        ("TUOPIN_HEALTH_PORT", "many", "0 to 65535"),
        ("TUOPIN_HEALTH_PORT", "65536", "0 to 65535"),
        ("TUOPIN_TRACE_RATIO", "nan", "0 to 1"),
        ("TUOPIN_ENGINE", "oracle", "sqlite, postgres"),
        ("TUOPIN_ENGINE", "postgres", "TUOPIN_POSTGRES_DSN"),
        ("TUOPIN_REGISTRY_ADDRESS", "registry", "host:port"),
        ("TUOPIN_LANGUAGE", "fr", "zh, en"),
    ],
)
def test_what_cannot_be_used_stops_the_start_and_is_named(
    name: str, value: str, named: str
) -> None:
    with pytest.raises(SettingInvalid, match=re.escape(named)):
        Settings.from_environment({name: value})


def test_secrets_do_not_show() -> None:
    shown = repr(
        Settings(token="canary1", telegram_token="canary2", postgres_dsn="canary3://{name}")
    )
    assert "canary" not in shown


def test_each_service_has_an_address_and_a_database() -> None:
    settings = Settings(engine="postgres", postgres_dsn="postgresql://db/tuopin_{name}")
    services = ("registry", "planning", "funding", "training", "notifier")
    assert len({settings.address_of(service) for service in services}) == 5
    assert settings.dsn_of("keys") == "postgresql://db/tuopin_keys"


def test_a_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "new")
    key = settings.master_key(create=True)

    assert len(key) == 32
    assert settings.master_key() == settings.master_key(create=True) == key
    assert os.stat(tmp_path / "new/master.key").st_mode & 0o077 == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["master.key"]


@pytest.mark.parametrize("content", [None, "", "zz" * 32, "00" * 31])
def test_a_key_file_that_is_missing_or_wrong_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "master.key"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingInvalid, match=r"master\.key"):
        read_key(path)
