"""Check that the private key for ssh belongs to the machines' EC2 key pair.

The key is read only to compute its fingerprints in memory; it is never stored, printed or passed on.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import stat
import subprocess
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from ..aws.client import AwsClients
from .findings import Findings
from .request import Settings

Marks = set[str]
"""What identifies a key: its public blob (base64) and possible fingerprints."""


def own_marks(findings: Findings, settings: Settings) -> Marks | None:
    """Return the marks of the private key for ssh, None after a reported problem."""
    return file_marks(findings, settings.private_key_file) if settings.private_key_file else agent_marks(findings)


def check_key_pair(findings: Findings, clients: AwsClients, settings: Settings, own: Marks | None) -> None:
    """Check that the key pair exists and that `own`, of own_marks, are its marks."""
    if not settings.key_name:
        return
    with findings.checking(f"key pair {settings.key_name}"):
        pair = find_pair(clients, settings.key_name)
        if pair is None:
            findings.problem(
                f"there is no key pair {settings.key_name!r} in {settings.region}",
                f"import your public key: aws ec2 import-key-pair --region {settings.region}, or correct key_name",
            )
        elif own is not None and not own & pair_marks(pair):
            holder = (
                f"the private key {settings.private_key_file}"
                if settings.private_key_file
                else "no key of the ssh agent"
            )
            verb = "does not belong" if settings.private_key_file else "belongs"
            findings.problem(
                f"{holder} {verb} to key pair {settings.key_name} ({pair.get('KeyFingerprint', 'no fingerprint')})",
                "correct private_key_file or key_name, or add the key to the agent with ssh-add",
            )


def find_pair(clients: AwsClients, name: str) -> dict[str, Any] | None:
    """Return EC2's description of the key pair `name`."""
    filters = [{"Name": "key-name", "Values": [name]}]
    pairs = clients.read("ec2", "describe_key_pairs", Filters=filters, IncludePublicKey=True)["KeyPairs"]
    return next((pair for pair in pairs if pair["KeyName"] == name), None)


def pair_marks(pair: dict[str, Any]) -> Marks:
    """Return the marks of a described key pair."""
    words = pair.get("PublicKey", "").split()
    blob = {words[1]} if len(words) > 1 else set()
    return blob | {pair.get("KeyFingerprint", "").rstrip("=")} - {""}


def public_marks(key: Any) -> Marks:
    """Return the marks of a public key.

    AWS shows the SHA-256 of the blob for ed25519 keys, and the MD5 of the DER form for imported RSA keys.
    """
    line = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    blob = line.split()[1]
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = base64.b64encode(hashlib.sha256(base64.b64decode(blob)).digest()).decode().rstrip("=")
    return {blob.decode(), digest, hashlib.md5(der, usedforsecurity=False).digest().hex(":")}


def private_marks(key: Any) -> Marks:
    """Return the marks of a private key.

    AWS shows the SHA-1 of the private DER form for RSA keys that it generated.
    """
    form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    digest = hashlib.sha1(key.private_bytes(*form), usedforsecurity=False).digest()
    return public_marks(key.public_key()) | {digest.hex(":")}


def file_marks(findings: Findings, path: str) -> Marks | None:
    """Return the marks of the private key in `path`, None after a reported problem."""
    where = f"private_key_file {path}"
    file = Path(path).expanduser()
    try:
        data = file.read_bytes()
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        findings.problem(
            f"{where} cannot be read ({error.strerror})", "correct it, or leave it empty to use the ssh agent"
        )
        return None
    if mode & 0o077:
        findings.problem(
            f"{where} can be read by others (mode {mode:04o}), so ssh will not use it", f"chmod 0600 {path}"
        )
    try:
        load = serialization.load_ssh_private_key if b"OPENSSH" in data[:64] else serialization.load_pem_private_key
        return private_marks(load(data, password=None))
    except TypeError:
        # An encrypted key cannot be read here, but the agent may have it.
        findings.note(f"{where} has a pass phrase: add it to the ssh agent with ssh-add, nothing can ask for it")
        return agent_marks(findings)
    except (ValueError, UnsupportedAlgorithm):
        findings.problem(f"{where} is no private key that ssh can use", "give the file that ssh-keygen or AWS made")
        return None


def agent_marks(findings: Findings) -> Marks | None:
    """Return the marks of the ssh agent's keys, None after a reported problem."""
    fix = "start one and add the key with ssh-add, or set private_key_file"
    try:
        listed = subprocess.run(["ssh-add", "-L"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        findings.problem("no ssh agent answers", fix)
        return None
    if listed.returncode != 0:
        findings.problem("the ssh agent holds no key" if listed.returncode == 1 else "no ssh agent answers", fix)
        return None
    marks: Marks = set()
    for line in listed.stdout.splitlines():
        try:
            marks |= public_marks(serialization.load_ssh_public_key(line.encode()))
        except (ValueError, UnsupportedAlgorithm, binascii.Error):
            # A key on a token or of another type: EC2 has no such key pairs.
            continue
    return marks
