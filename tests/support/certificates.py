"""An authority, and the certificates that it signs, as PEM files."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Signed:
    """A certificate and its key, and the PEM files that they are in."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    certfile: Path
    keyfile: Path

    @property
    def both(self) -> str:
        """Key and certificate as one PEM text."""
        return self.keyfile.read_text() + self.certfile.read_text()


def authority(folder: Path, name: str) -> Signed:
    """Return an authority that signs itself."""
    return _signed(folder, name, None, is_authority=True)


def signed(
    folder: Path,
    name: str,
    by: Signed,
    *,
    host: str = "127.0.0.1",
    days: int = 30,
    password: str = "",
) -> Signed:
    """Return a certificate that an authority signs: for a host, valid for so many days from now.

    One of a negative number of days has expired.
    """
    return _signed(folder, name, by, host=host, days=days, password=password)


def _signed(
    folder: Path,
    name: str,
    by: Signed | None,
    *,
    is_authority: bool = False,
    host: str = "127.0.0.1",
    days: int = 30,
    password: str = "",
) -> Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    try:
        other: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        other = x509.DNSName(host)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 60 * _DAY)
        .not_valid_after(now + days * _DAY)
        .add_extension(x509.SubjectAlternativeName([other]), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    certificate = built.sign(by.key if by else key, hashes.SHA256())
    certfile, keyfile = folder / f"{name}.pem", folder / f"{name}.key"
    certfile.write_bytes(certificate.public_bytes(Encoding.PEM))
    how = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    keyfile.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
    return Signed(certificate, key, certfile, keyfile)
