"""The deployment settings: the only place that reads the environment.

Each field is also an environment variable with the prefix LUNGCAD_ (`orthanc_url` is LUNGCAD_ORTHANC_URL) and a key
of the TOML file given by `--config`. The environment wins over the file.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from cad.case.choices import Runtime
from cad.report.words.choices import Language, LesionNames

ANYBODY = "*"
"""In the place of an AE title: whoever calls."""

PREFIX = "LUNGCAD_"
FILE_SUFFIX = "_FILE"
"""A secret may lie in a file: LUNGCAD_API_TOKEN_FILE is the path of a file with the value of LUNGCAD_API_TOKEN."""

SECRETS = ("api_token", "orthanc_password", "database_url", "prior_archive_password")
FILE_NAMES = frozenset(PREFIX + name.upper() + FILE_SUFFIX for name in SECRETS)

OTHER_NAMES = frozenset(
    {"LUNGCAD_SHARED_DATA", "LUNGCAD_NOTIFY_URL", "LUNGCAD_NOTIFY_TOKEN", "LUNGCAD_NOTIFY_TOKEN_FILE"}
)
"""Names with our prefix that are not the service's: the tests' data folder and the Orthanc plugin's two."""


class SettingsError(ValueError):
    """A setting that is unknown, missing or malformed; the message names it and never shows its value."""


def _checked_url(value: str) -> str:
    TypeAdapter(HttpUrl).validate_python(value)
    return value.rstrip("/")


Url = Annotated[str, AfterValidator(_checked_url)]
Port = Annotated[int, Field(ge=1, le=65535)]
AeTitle = Annotated[str, Field(min_length=1, max_length=16)]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Settings(BaseSettings):
    """One installation of the service."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data_folder: Path = Field(
        default_factory=lambda: Path.home() / ".local" / "share" / "lungcad",
        description="Folder of the job table, of results that are not delivered yet and of received series.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="SQLAlchemy URL of the job table, postgresql+psycopg://USER:PASSWORD@HOST/NAME; by default an "
        "SQLite file in the data folder.",
    )
    disk_least_mb: float = Field(200.0, ge=0, description="Free space in the data folder below which health says no.")
    keep_days: float | None = Field(
        None, gt=0, description="How long a job that ended is kept with its findings, in days; by default for ever."
    )
    api_host: str = Field("127.0.0.1", description="Address on which API and status page listen.")
    api_port: Port = Field(8140, description="Port of API and status page.")
    api_token: SecretStr | None = Field(
        None,
        min_length=1,
        description="Bearer token that the API asks for; none by default, which only a loopback address allows.",
    )

    orthanc_url: Url = Field("http://127.0.0.1:8042", description="Root of Orthanc's REST API.")
    orthanc_user: str | None = Field(None, description="User for Orthanc.")
    orthanc_password: SecretStr | None = Field(None, description="Password for Orthanc.")
    orthanc_dicomweb_root: str = Field("dicom-web", description="Path of Orthanc's DICOMweb API.")
    orthanc_connect_timeout_s: float = Field(5.0, gt=0, description="Time to connect to Orthanc, in s.")
    orthanc_read_timeout_s: float = Field(60.0, gt=0, description="Longest silence of Orthanc in an answer, in s.")
    orthanc_ca_file: Path | None = Field(
        None, description="Certificates (PEM) of the authority of Orthanc's https; by default the public ones."
    )
    orthanc_image_s: float = Field(
        60.0, gt=0, description="Longest time that Orthanc may take to send one image, in s."
    )
    poll_s: float = Field(2.0, gt=0, description="Pause between two looks at Orthanc's change log, in s.")
    backlog_hours: float = Field(
        24.0, ge=0, description="On the very first start, how old a change of Orthanc may be to be read, in hours."
    )

    results_to: Literal["orthanc", "dimse"] = Field("orthanc", description="Where results go: STOW-RS or C-STORE.")
    dimse_host: str = Field("127.0.0.1", description="Host of the C-STORE destination of results.")
    dimse_port: Port = Field(104, description="Port of the C-STORE destination.")
    dimse_aet: AeTitle = Field("ARCHIVE", description="AE title of the C-STORE destination.")
    dimse_tls: bool = Field(False, description="Send results by TLS.")
    dimse_commitment: bool = Field(
        False, description="Ask the C-STORE destination for storage commitment, and send again what it does not hold."
    )
    dicom_tls_cert: Path | None = Field(None, description="Our certificate (PEM) for DICOM over TLS.")
    dicom_tls_key: Path | None = Field(None, description="The key (PEM) of that certificate.")
    dicom_tls_ca: Path | None = Field(None, description="Certificates (PEM) of the authority of our DICOM peers.")
    aet: AeTitle = Field("LUNGCAD", description="Our own AE title, calling and called.")
    scp_host: str = Field("127.0.0.1", description="Address on which we receive by C-STORE.")
    scp_port: Port | None = Field(None, description="Port on which we receive by C-STORE; not at all by default.")
    scp_callers: tuple[AeTitle, ...] = Field(
        (), description="AE titles that may send to us, at least one where scp_port is set; * admits all."
    )
    scp_tls: bool = Field(False, description="Receive by TLS alone, from callers with a certificate of dicom_tls_ca.")
    scp_quiet_s: float = Field(10.0, gt=0, description="Silence after which a received series is complete, in s.")
    spool_keep_hours: float = Field(24.0, ge=0, description="How long a finished received series is kept, in hours.")

    prior_archive: Literal["none", "dimse", "dicomweb"] = Field(
        "none", description="Where earlier studies are looked for beside Orthanc: none, dimse or dicomweb."
    )
    prior_archive_host: str = Field("127.0.0.1", description="Host of the archive that is asked by C-FIND.")
    prior_archive_port: Port = Field(104, description="Port of that archive.")
    prior_archive_aet: AeTitle = Field("ARCHIVE", description="AE title of that archive.")
    prior_archive_tls: bool = Field(False, description="Ask that archive by TLS.")
    prior_archive_move_to: AeTitle = Field(
        "ORTHANC", description="AE title of Orthanc as that archive knows it; C-MOVE brings earlier series there."
    )
    prior_archive_url: Url = Field(
        "http://127.0.0.1:8080/dicom-web", description="Root of the DICOMweb service of the archive (QIDO-RS, WADO-RS)."
    )
    prior_archive_user: str | None = Field(None, description="User for that service.")
    prior_archive_password: SecretStr | None = Field(None, description="Password for that service.")
    prior_archive_timeout_s: float = Field(60.0, gt=0, description="Longest silence of the archive, in s.")
    prior_archive_tries: int = Field(
        3, ge=1, description="Tries before an examination is read without the archive, with a caution."
    )

    dask_scheduler: str | None = Field(
        None,
        pattern="^tls://",
        description="Address (tls://) of a Dask scheduler; by default a worker of our own.",
    )
    dask_tls_ca: Path | None = Field(None, description="Certificate (PEM) of the authority of that cluster.")
    dask_tls_cert: Path | None = Field(None, description="Our certificate (PEM) for that cluster.")
    dask_tls_key: Path | None = Field(None, description="The key (PEM) of our certificate.")
    worker_jobs: int = Field(100, ge=1, description="Jobs after which an idle worker process is replaced.")
    worker_memory_mb: float = Field(
        6000.0, gt=0, description="Memory beyond which an idle worker process is replaced, in MB."
    )
    worker_limit_mb: float = Field(
        12000.0,
        gt=0,
        description="Memory beyond which a worker process at work is ended, and its job tried again, in MB.",
    )
    analyses_at_once: int = Field(1, ge=1, description="Analyses at one time; each uses every core.")
    lease_s: float = Field(120.0, gt=0, description="Silence after which another service may take our jobs, in s.")
    reconcile_s: float = Field(30.0, gt=0, description="Pause between two comparisons of table, engine and PACS, in s.")
    analysis_limit_s: float = Field(
        1800.0,
        gt=0,
        description="Longest time of one analysis, in s; then it is given up and tried again, three times.",
    )
    delivery_limit_s: float = Field(
        900.0, gt=0, description="Longest time of one delivery, in s; then it is given up and tried again later."
    )
    alarm_waiting_s: float = Field(
        3600.0, gt=0, description="Age of the oldest waiting job at which health asks for attention, in s."
    )
    retry_first_s: float = Field(5.0, gt=0, description="Pause after a first unsuccessful try, in s; it doubles.")
    retry_longest_s: float = Field(300.0, gt=0, description="Longest pause between two tries, in s.")
    confirm_after_s: float = Field(
        60.0, ge=0, description="Age of a delivery when its presence is verified and our copy is deleted, in s."
    )

    device: str = Field("cpu", description="Device of the networks: cpu or cuda.")
    runtime: Runtime = Field(
        "auto", description="What runs lungcad's networks: torch, openvino (on the CPU only), or auto, which is torch."
    )
    detector: str = Field(
        "lungcad", pattern="^(lungcad|monai-bundle:.+)$", description="lungcad, or monai-bundle: and a folder."
    )
    min_score: float | None = Field(None, ge=0, le=1, description="Mark threshold; by default the detector's own.")
    report_language: Language = Field(
        Language.BOTH,
        description="Language of the report's page: en, zh, or both, which is English with Chinese below.",
    )
    lesion_names: LesionNames = Field(
        LesionNames.OHIF,
        description="How the structured report names a lesion's measurements: ohif, which OHIF needs to list them, or "
        'plain ("Nodule 1").',
    )
    notes: bool = Field(
        True,
        description="Leave a small report in the archive for each series that was refused or failed, which says why.",
    )
    rejection_notes: bool = Field(
        True,
        description="Leave a rejection note (IHE IOCM) beside results that replace others: it reaches archives that "
        "those were sent on to.",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Form of the log's lines: text, or json (one object)."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")

    @model_validator(mode="after")
    def _is_closed(self) -> Settings:
        """No address that others reach without a token, no cluster without certificates."""
        if self.api_token is None and not _is_loopback(self.api_host):
            raise ValueError("api_host is no loopback address, so that api_token must be set")
        if self.scp_port is not None and not self.scp_callers:
            raise ValueError("scp_port is set, so that scp_callers must name who may send (* admits all)")
        by_tls = self.scp_tls or self.dimse_tls or self.prior_archive_tls
        if by_tls and None in (self.dicom_tls_cert, self.dicom_tls_key, self.dicom_tls_ca):
            raise ValueError("DICOM over TLS needs dicom_tls_cert, dicom_tls_key and dicom_tls_ca")
        files = (self.dask_tls_ca, self.dask_tls_cert, self.dask_tls_key)
        if self.dask_scheduler is not None and None in files:
            raise ValueError("dask_scheduler needs dask_tls_ca, dask_tls_cert and dask_tls_key")
        return self

    @field_validator("scp_callers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments alone: `load_settings` reads the environment, so that it can refuse a misspelt name."""
        return (init_settings,)


def load_settings(config: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of the TOML file `config`, overridden by LUNGCAD_* of the environment.

    Raises SettingsError for a name that does not exist (a misspelt variable would otherwise be ignored) and for a
    value that does not fit.
    """
    environment = os.environ if environment is None else environment
    from_file = {} if config is None else _read_toml(config)
    _refuse_unknown((PREFIX + name.upper() for name in from_file), f"in {config}")
    _refuse_unknown((name for name in environment if name.upper().startswith(PREFIX)), "in the environment")
    given = {
        name.upper().removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.upper().startswith(PREFIX) and name.upper() not in OTHER_NAMES | FILE_NAMES
    }
    given |= {
        name: _secret_in(environment[PREFIX + name.upper() + FILE_SUFFIX], name)
        for name in SECRETS
        if PREFIX + name.upper() + FILE_SUFFIX in environment
    }
    try:
        return Settings.model_validate({**from_file, **given})
    except ValidationError as error:
        names = ", ".join(
            sorted({".".join(str(part) for part in item["loc"]) or "settings" for item in error.errors()})
        )
        reasons = "; ".join(sorted({str(item["msg"]) for item in error.errors(include_input=False)}))
        raise SettingsError(f"unsuitable value of {names}: {reasons}") from None


def _secret_in(path: str, name: str) -> str:
    """The text of a file without the end of its line. Raises SettingsError."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the file of {name} cannot be read ({type(error).__name__})") from None


def _read_toml(config: Path) -> dict[str, object]:
    try:
        with config.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise SettingsError(f"there is no file {config}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{config} is not TOML: {error}") from None


def _refuse_unknown(names: Iterable[str], where: str) -> None:
    known = OTHER_NAMES | FILE_NAMES | {PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(name for name in names if name.upper() not in known)
    if unknown:
        raise SettingsError(f"unknown setting {', '.join(unknown)} {where}")
