"""Certificates that a test makes for itself."""

import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    certificate: str
    key: str


def made(folder: Path, name: str, *extensions: str) -> Certificate:
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)),
            *(part for extension in extensions for part in ("-addext", extension)),
        ],
        check=True,
        capture_output=True,
    )
    return Certificate(str(certificate), str(key))
