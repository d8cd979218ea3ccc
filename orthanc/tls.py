"""DICOM over TLS as BCP 195 asks for (PS3.15 Annex B.12): TLS 1.2 and later, with certificates of both ends."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from cad.errors import Unavailable

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2 (RFC 9325, 4.2); those of TLS 1.3 are all allowed."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Our certificate and its key, and the authorities whose certificates we take: PEM files."""

    cert_file: Path
    key_file: Path
    ca_file: Path

    def of_server(self) -> ssl.SSLContext:
        """What a caller must show to be let in. Raises Unavailable("tls") when a file cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        return self._filled(context)

    def of_client(self) -> ssl.SSLContext:
        """What a peer that we call must show, its name among it. Raises Unavailable("tls")."""
        return self._filled(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def _filled(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        try:
            context.load_cert_chain(self.cert_file, self.key_file)
            context.load_verify_locations(self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Unavailable("tls", f"the certificates cannot be used ({type(error).__name__})") from error
        return context
