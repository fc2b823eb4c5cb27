"""Create the rehearsal's certificate authority, certificates and ssh key pair.

Writes only into the folder that it is given; private keys are mode 0600. The authority is kept while it is valid, so
that a browser that was set to trust it goes on trusting it over restarts.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 397
"""Lifetime of a certificate; browsers refuse more than 398 days."""
RENEW_BEFORE = timedelta(days=30)
SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Authority:
    """An authority that signs certificates for the rehearsal's load balancers."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    certificate_file: Path


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key as ACM imports them, in PEM."""

    certificate: bytes
    private_key: bytes
    chain: bytes


def authority(folder: Path) -> Authority:
    """Return the authority kept in this folder (`ca.pem`, `ca.key`).

    It is made anew when there is none or it is about to expire.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    certificate_file, key_file = folder / "ca.pem", folder / "ca.key"
    if certificate_file.exists() and key_file.exists():
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        fresh = certificate.not_valid_after_utc - RENEW_BEFORE > datetime.now(UTC)
        if fresh and isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key():
            return Authority(certificate, key, certificate_file)
    key = ec.generate_private_key(ec.SECP256R1())
    # The name differs from one checkout to the next, because browsers confuse authorities that have the same name.
    serial = x509.random_serial_number()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "probcomp-stack rehearsal"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"probcomp-stack rehearsal {serial % 16**6:06x}"),
        ]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), serial, now - SKEW, now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(key_file, _pem(key))
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(certificate, key, certificate_file)


def issue(signer: Authority, names: list[str]) -> Issued:
    """Sign a server certificate for these DNS names, valid for CERTIFICATE_DAYS.

    The first name is its common name.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(
            signer.certificate.subject,
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]),
            key.public_key(),
            x509.random_serial_number(),
            now - SKEW,
            now + timedelta(days=CERTIFICATE_DAYS),
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()),
            critical=False,
        )
        .sign(signer.key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return Issued(certificate.public_bytes(pem), _pem(key), signer.certificate.public_bytes(pem))


def ssh_key(file: Path, comment: str) -> str:
    """Return the public half of the ed25519 key in this file, in OpenSSH's one line.

    Both halves are made when missing.
    """
    public_file = file.with_name(file.name + ".pub")
    if not (file.exists() and public_file.exists()):
        key = ed25519.Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        write_private(file, private)
        public_file.write_text(f"{public.decode()} {comment}\n")
    return public_file.read_text().strip()


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
