"""The settings: a misspelt name is refused, a secret is never shown."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from cad.service.settings import SettingsError, load_settings


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    config = tmp_path / "lungcad.toml"
    config.write_text('orthanc_url = "http://pacs:8042/"\npoll_s = 3\n')
    settings = load_settings(config, {"LUNGCAD_POLL_S": "4"})
    assert (settings.orthanc_url, settings.poll_s) == ("http://pacs:8042", 4.0)


def test_listens_on_this_machine_alone_by_default() -> None:
    settings = load_settings(environment={})
    assert (settings.api_host, settings.scp_host, settings.scp_port) == ("127.0.0.1", "127.0.0.1", None)


@pytest.mark.parametrize("name", ["LUNGCAD_ORTHANC_ULR", "lungcad_orthanc_ulr", "LUNGCAD_"])
def test_refuses_a_misspelt_variable(name: str) -> None:
    with pytest.raises(SettingsError, match="unknown setting"):
        load_settings(environment={name: "x"})


def test_refuses_a_misspelt_key_of_the_file(tmp_path: Path) -> None:
    config = tmp_path / "lungcad.toml"
    config.write_text('orthanc_ulr = "http://pacs:8042"\n')
    with pytest.raises(SettingsError, match="ORTHANC_ULR"):
        load_settings(config, {})


@pytest.mark.parametrize("name", ["LUNGCAD_SHARED_DATA", "LUNGCAD_NOTIFY_URL", "LUNGCAD_NOTIFY_TOKEN"])
def test_leaves_names_alone_that_belong_to_others(name: str) -> None:
    assert load_settings(environment={name: "x"}) == load_settings(environment={})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ORTHANC_URL", "pacs"),
        ("API_PORT", "0"),
        ("RESULTS_TO", "paper"),
        ("ANALYSES_AT_ONCE", "0"),
        ("AET", "A" * 17),
        ("RUNTIME", "gpu"),
    ],
)
def test_refuses_an_unsuitable_value_and_names_the_setting(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name.lower()):
        load_settings(environment={f"LUNGCAD_{name}": value})


def test_a_complaint_does_not_show_the_value() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment={"LUNGCAD_ORTHANC_URL": "ftp://user:secret@pacs"})
    assert "secret" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    settings = load_settings(environment={"LUNGCAD_API_TOKEN": "token-1", "LUNGCAD_ORTHANC_PASSWORD": "pass-1"})
    assert "token-1" not in repr(settings)
    assert "pass-1" not in repr(settings)


def test_callers_are_separated_by_commas() -> None:
    assert load_settings(environment={"LUNGCAD_SCP_CALLERS": "CT1, CT2"}).scp_callers == ("CT1", "CT2")


def test_settings_travel_to_a_worker_process() -> None:
    settings = load_settings(environment={"LUNGCAD_POLL_S": "4"})
    travelled = pickle.loads(pickle.dumps(settings))
    assert travelled == settings
    assert hash(travelled) == hash(settings)


@pytest.mark.parametrize("content", ["poll_s = ", ""])
def test_refuses_a_file_that_is_no_toml_or_not_there(content: str, tmp_path: Path) -> None:
    config = tmp_path / "lungcad.toml"
    if content:
        config.write_text(content)
    with pytest.raises(SettingsError):
        load_settings(config, {})


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"LUNGCAD_API_HOST": "0.0.0.0"}, "api_token must be set"),
        ({"LUNGCAD_API_HOST": "::"}, "api_token must be set"),
        ({"LUNGCAD_API_HOST": "ct-server"}, "api_token must be set"),
        ({"LUNGCAD_API_TOKEN": ""}, "api_token"),
        ({"LUNGCAD_DASK_SCHEDULER": "tcp://10.0.0.1:8786"}, "dask_scheduler"),
        ({"LUNGCAD_DASK_SCHEDULER": "tls://10.0.0.1:8786"}, "dask_tls_ca"),
    ],
)
def test_an_installation_that_would_be_open_is_refused(environment: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_settings(environment=environment)


def test_a_token_opens_other_addresses_and_none_is_needed_on_loopback() -> None:
    assert load_settings(environment={"LUNGCAD_API_HOST": "0.0.0.0", "LUNGCAD_API_TOKEN": "t"}).api_token
    for host in ("localhost", "127.0.0.2", "::1"):
        assert load_settings(environment={"LUNGCAD_API_HOST": host}).api_token is None


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hush\n")
    settings = load_settings(environment={"LUNGCAD_API_TOKEN_FILE": str(tmp_path / "token")})
    assert settings.api_token is not None
    assert settings.api_token.get_secret_value() == "hush"
    with pytest.raises(SettingsError, match="api_token cannot be read"):
        load_settings(environment={"LUNGCAD_API_TOKEN_FILE": str(tmp_path / "absent")})
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(SettingsError):
        load_settings(environment={"LUNGCAD_API_TOKEN_FILE": str(tmp_path / "empty")})


@pytest.mark.parametrize(
    "given",
    [
        {"LUNGCAD_SCP_PORT": "11112"},
        {"LUNGCAD_SCP_TLS": "true"},
        {"LUNGCAD_DIMSE_TLS": "true", "LUNGCAD_DICOM_TLS_CERT": "a", "LUNGCAD_DICOM_TLS_KEY": "b"},
    ],
)
def test_a_receiver_for_everybody_and_tls_without_certificates_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        load_settings(environment=given)
    fitting = {"LUNGCAD_SCP_CALLERS": "CT1, CT2", "LUNGCAD_DICOM_TLS_CERT": "a", "LUNGCAD_DICOM_TLS_KEY": "b"}
    assert load_settings(environment={**given, **fitting, "LUNGCAD_DICOM_TLS_CA": "c"}).scp_callers == ("CT1", "CT2")
