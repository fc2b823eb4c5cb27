"""Test promise 14: preflight finds all problems before the first change."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.refused import extra, refuses
from tests.support.workshop import Workshop

FLEET = "fleet_create.yml"
USER = "ws-9"
# Each row has a broken setting and words that its line must contain.
BROKEN = {
    "instance type": ({"instance": "t3.gigantic"}, ["t3.gigantic"]),
    "zone": ({"zone": "example.org"}, ["example.org"]),
    "certificate": (
        {"certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/x"},
        ["eu-west-1"],
    ),
    "key pair": ({"key_name": "nobodys"}, ["nobodys"]),
    "network of the administrator": ({"admin_cidr": ""}, ["admin_cidr"]),
    "content": ({"content_url": "http://127.0.0.1:9/x.tgz"}, ["content_url"]),
}
SECONDS_LEFT = 30
"""The certificate's remaining seconds when it is imported.

AWS takes none that has ended; the test then waits until it ends.
"""


@pytest.fixture(scope="module", autouse=True)
def password(workshop: Workshop) -> Iterator[None]:
    """Make a pass phrase, so that tests of other problems can name the machine."""
    workshop.succeed(f"ansible-playbook create_passwords.yml -e user={USER}")
    yield
    workshop.password_file(USER).unlink()


def told(words: list[str], line: str) -> bool:
    """Return whether the line contains all of the words."""
    return all(word in line for word in words)


def test_all_broken_together(workshop: Workshop) -> None:
    values = {key: value for given, _ in BROKEN.values() for key, value in given.items()}
    result = refuses(workshop, f"{FLEET} {extra(user='bob', **values)}", ["bob", "create_passwords.yml"])
    said = [line for line in result.text.splitlines() if line.startswith("FAILED")]
    for name, (_, words) in BROKEN.items():
        assert any(told(words, line) for line in said), f"{name}: {said}"


def test_another_account_is_all_that_is_said(workshop: Workshop) -> None:
    result = refuses(workshop, f"{FLEET} {extra(user=USER, account_id='999999999999')}", ["999999999999"])
    assert len(re.findall("^FAILED", result.text, re.MULTILINE)) == 1, result.text


def test_password_files(workshop: Workshop) -> None:
    faulty = {
        "ws-5": ("", "empty"),
        "ws-6": ("\nsecond line\n", "blank"),
        "ws-7": ("short\n", "12"),
        "ws-8": ("$ANSIBLE_VAULT;1.1;AES256\n6162\n", "vault"),
    }
    try:
        for user, (content, _) in faulty.items():
            workshop.password_file(user).write_text(content)
        result = refuses(workshop, f"{FLEET} -e users={','.join(faulty)},{USER}", ["ws-5"])
    finally:
        for user in faulty:
            workshop.password_file(user).unlink(missing_ok=True)
    said = [line for line in result.text.splitlines() if line.startswith("FAILED")]
    for user, (_, word) in faulty.items():
        assert sum(told([user, word], line) for line in said) == 1, said
    assert not any(USER in line for line in said), said


@pytest.mark.parametrize("command", [f"{FLEET} -e user={USER}", "-l ws-1 set_password.yml"])
def test_without_credentials(workshop: Workshop, command: str) -> None:
    result = workshop.shell(f"unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; ansible-playbook {command}")
    assert result.status != 0
    assert any("credentials" in line for line in result.text.splitlines())
    assert "Traceback" not in result.text


# Python runs this file first. The clock of the commands, and of what signs for them, goes late.
LATE = """
import datetime, time
from botocore import auth
right = time.time
time.time = lambda: right() - 1020
auth.get_current_datetime = lambda: datetime.datetime.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)
"""


@pytest.mark.parametrize("command", [f"{FLEET} -e user={USER}", "-l ws-1 fleet_check.yml"])
def test_with_a_clock_that_is_late(workshop: Workshop, tmp_path: Path, command: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(LATE)
    result = workshop.shell(f"PYTHONPATH={tmp_path} ansible-playbook {command}")
    assert result.status != 0
    said = r"it is .* UTC on this computer and .* UTC at AWS, 17 min behind: set this computer's clock"
    assert re.search(said, result.text), result.text
    assert "Traceback" not in result.text and "expired" not in result.text


def certificate_that_ends(folder: Path) -> str:
    """Make a certificate for the rehearsal's names that ends soon.

    Its files are in `folder`, in the form that the aws CLI takes.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "*.stack.localhost")])
    end = datetime.now(UTC) + timedelta(seconds=SECONDS_LEFT)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(end - timedelta(days=30)).not_valid_after(end)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("*.stack.localhost")]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key").write_bytes(key.private_bytes(*form))
    (folder / "certificate").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return f"--certificate fileb://{folder}/certificate --private-key fileb://{folder}/key"


@pytest.mark.parametrize("says", ["is not validated yet", "expired on"])
def test_a_certificate_that_cannot_be_used(workshop: Workshop, tmp_path: Path, says: str) -> None:
    ends = says == "expired on"
    made = (
        workshop.aws(f"acm import-certificate {certificate_that_ends(tmp_path)}")
        if ends
        else workshop.aws("acm request-certificate --domain-name '*.stack.localhost' --validation-method DNS")
    )
    arn = made["CertificateArn"]
    try:
        if ends:
            time.sleep(SECONDS_LEFT)
        refuses(workshop, f"{FLEET} {extra(user=USER, certificate_arn=arn)}", ["FAILED", arn, says])
    finally:
        workshop.aws(f"acm delete-certificate --certificate-arn {arn}")
