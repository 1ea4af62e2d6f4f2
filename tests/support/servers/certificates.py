"""Certificates for tests: an authority, and what it signs for 127.0.0.1."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.programs import program


class Authority:
    """A certificate authority with its files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._openssl(
            *("req", "-x509", *_NEW_KEY, "-days", "2", "-subj", "/CN=tests"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),  # Python 3.13 asks for it
            *("-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def sign(self, name: str, *, host: str = "IP:127.0.0.1", days: int = 2) -> tuple[Path, Path]:
        """A certificate for a host, by default 127.0.0.1, and its key."""
        certificate, key = (self._folder / f"{name}.{kind}" for kind in ("pem", "key"))
        request, extension = (self._folder / f"{name}.{kind}" for kind in ("csr", "ext"))
        extension.write_text(f"subjectAltName={host}\nauthorityKeyIdentifier=keyid\n")
        self._openssl(
            *("req", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request))
        )
        self._openssl(
            *("x509", "-req", "-in", str(request), "-days", str(days), "-extfile", str(extension)),
            *("-CA", str(self.certificate), "-CAkey", str(self._key), "-CAcreateserial"),
            *("-out", str(certificate)),
        )
        return certificate, key

    def encrypted(self, key: Path, password: str) -> Path:
        """The same key, with a password."""
        path = key.with_suffix(".secret")
        self._openssl(
            *("pkey", "-in", str(key), "-aes256", "-passout", f"pass:{password}"),
            *("-out", str(path)),
        )
        return path

    def _openssl(self, *arguments: str) -> None:
        subprocess.run([program("openssl"), *arguments], check=True, capture_output=True)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
