"""Certificates and keys: what is wrong with them is told before anything is connected."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from lib.core.errors import SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from lib.sources.kafka.settings import KafkaSettings

_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL
)
_OTHER_FORMS: Final = (
    (b"\xfe\xed\xfe\xed", "a Java keystore (JKS)"),
    (b"\xce\xce\xce\xce", "a Java keystore (JCEKS)"),
    (b"\x30", "in DER or PKCS #12 form"),
)
_TO_PEM: Final = "Convert it to PEM, for example with openssl or keytool."


def tls_context(settings: KafkaSettings) -> ssl.SSLContext:
    """Return the context in which the settings' certificates are used.

    Raises
    ------
    SettingsError
        When a file is not there, cannot be read, is no PEM or has expired, when a key is encrypted
        and has no or another password, or when it is not its certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = settings.ssl_check_hostname
    authorities = _pem("ssl_cafile", settings.ssl_cafile, "ssl_ca", settings.ssl_ca)
    if authorities:
        _check_authorities(settings, authorities)
        context.load_verify_locations(cadata=authorities.decode())
    else:
        context.load_default_certs()
    if settings.ssl_certfile or settings.ssl_cert:
        _load_own(context, *own_certificate(settings))
    return context


def own_certificate(settings: KafkaSettings) -> tuple[bytes, PrivateKeyTypes]:
    """Return the certificate that the brokers are shown, as PEM, and its key.

    Raises
    ------
    SettingsError
        As `tls_context`.
    """
    certificate = _pem("ssl_certfile", settings.ssl_certfile, "ssl_cert", settings.ssl_cert)
    own = _certificates(settings.ssl_certfile or "ssl_cert", certificate)[0]
    _check_dates(settings.ssl_certfile or "The text ssl_cert", own)
    if settings.ssl_keyfile or settings.ssl_key:
        key_pem = _pem("ssl_keyfile", settings.ssl_keyfile, "ssl_key", settings.ssl_key)
    else:
        key_pem = certificate  # often both are in one file
    key = _key(settings, key_pem)
    if key.public_key() != own.public_key():
        raise SettingsError(
            "The key is not that of the certificate that Skewline shows the brokers.",
            "Set ssl_certfile and ssl_keyfile (or ssl_cert and ssl_key) that belong together.",
        )
    return b"\n".join(_CERTIFICATE.findall(certificate)), key


def _pem(file_setting: str, path: str, text_setting: str, text: str) -> bytes:
    """Return the PEM text of a file, or the one that is set; b"" where neither is."""
    if not path:
        return text.encode()
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise _unusable(file_setting, path, "is not there", error) from error
    except IsADirectoryError as error:
        raise _unusable(file_setting, path, "is a folder", error) from error
    except OSError as error:
        raise _unusable(file_setting, path, "may not be read", error) from error
    if b"-----BEGIN" not in content:
        form = next((form for mark, form in _OTHER_FORMS if content.startswith(mark)), "")
        raise SettingsError(
            f"The file {path} of {file_setting} is no PEM file{form and f', but {form}'}.",
            _TO_PEM
            if form
            else f"Set {file_setting} to a PEM file, or the text as {text_setting}.",
        )
    return content


def _unusable(setting: str, path: str, what: str, error: OSError) -> SettingsError:
    return SettingsError(
        f"The file {path} of {setting} {what}.",
        f"Set {setting} to a file that the server may read.",
        error.strerror or str(error),
    )


def _check_authorities(settings: KafkaSettings, pem: bytes) -> None:
    where = settings.ssl_cafile or "The text ssl_ca"
    for certificate in (found := _certificates(settings.ssl_cafile or "ssl_ca", pem)):
        if certificate.not_valid_after_utc > dt.datetime.now(dt.UTC):
            return
    _check_dates(where, found[0])


def _certificates(where: str, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise SettingsError(
            f"{where} holds no certificate that can be read.",
            "Set it to PEM with at least one BEGIN CERTIFICATE part.",
            str(error),
        ) from error


def _check_dates(where: str, certificate: x509.Certificate) -> None:
    now = dt.datetime.now(dt.UTC)
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends < now:
        raise SettingsError(
            f"{where} holds a certificate that expired on {ends:%Y-%m-%d %H:%M} UTC.",
            "Set a certificate that is valid.",
        )
    if begins > now:
        raise SettingsError(
            f"{where} holds a certificate that is valid only from {begins:%Y-%m-%d %H:%M} UTC on.",
            "Set a certificate that is valid, or check this machine's clock.",
        )


def _key(settings: KafkaSettings, pem: bytes) -> PrivateKeyTypes:
    where = settings.ssl_keyfile or ("ssl_key" if settings.ssl_key else settings.ssl_certfile)
    password = settings.ssl_password.encode() or None
    encrypted = b"ENCRYPTED" in pem
    try:
        return load_pem_private_key(pem, password if encrypted else None)
    except TypeError as error:
        raise SettingsError(
            f"The key of {where} is encrypted, and there is no ssl_password.",
            "Set ssl_password to the key's password.",
            str(error),
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if encrypted:
            raise SettingsError(
                f"ssl_password does not open the key of {where}.",
                "Set ssl_password to the key's password.",
                str(error),
            ) from error
        raise SettingsError(
            f"{where} holds no key that can be read.",
            "Set ssl_keyfile or ssl_key to a PEM key.",
            str(error),
        ) from error


def _load_own(context: ssl.SSLContext, certificate: bytes, key: PrivateKeyTypes) -> None:
    """Load a certificate and its key, which Python can do only from a file.

    On the disk the key is encrypted with a password that nobody knows, and gone at once.
    """
    password = secrets.token_hex()
    encrypted = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode())
    )
    with tempfile.NamedTemporaryFile(prefix="skewline-") as file:
        file.write(certificate + b"\n" + encrypted)
        file.flush()
        context.load_cert_chain(file.name, password=password)
