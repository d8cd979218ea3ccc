"""The log: our own lines at the chosen level, warnings of all libraries, on standard error, as text or as JSON."""

from __future__ import annotations

import copy
import json
import logging
from datetime import UTC, datetime

from cad.service.settings import Settings
from cad.service.worker import describe_bug

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
OURS = ("cad", "dicom_io", "models", "orthanc")


def configure_logging(settings: Settings) -> None:
    """Write the log of this process as the settings say; a second call changes nothing but the level."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines(TEXT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for package in OURS:
        logging.getLogger(package).setLevel(settings.log_level)


def without_texts(record: logging.LogRecord) -> logging.LogRecord:
    """The record without the texts of exceptions, which libraries log and which may quote a patient."""
    clean = copy.copy(record)
    if isinstance(clean.msg, BaseException):
        clean.msg, clean.args = f"unexpected {type(clean.msg).__name__}", ()
    bug = clean.exc_info[1] if clean.exc_info else None
    if bug is not None:
        clean.msg, clean.args = f"{clean.getMessage()}: {describe_bug(bug)}", ()
        clean.exc_info = clean.exc_text = None
    return clean


class TextLines(logging.Formatter):
    """Each record as text."""

    def format(self, record: logging.LogRecord) -> str:
        """The text, and of an exception where it was raised."""
        return super().format(without_texts(record))


class JsonLines(logging.Formatter):
    """Each record as one JSON object on one line: time (ISO 8601, UTC), level, logger, message, process."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        record = without_texts(record)
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        return json.dumps(line, ensure_ascii=False)
