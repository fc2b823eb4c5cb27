"""Bad input, as a tired administrator types it: one line says what, whose and what to do, and nothing was changed."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.workshop import Workshop

CREATE = "stack_create.yml"
FLEET = "fleet_create.yml"


def extra(**values: object) -> str:
    """-e with `values` as JSON, which carries any text unharmed."""
    return f"-e {shlex.quote(json.dumps(values))}"


# What is typed, and words that the answer must hold. `{home}` stands for the folder of per-user files.
ROWS = {
    "capital": (f"{CREATE} -e user=Alice", ["did you mean alice"]),
    "newline": (f"{CREATE} {extra(user='bob' + chr(10))}", [r"bob\n"]),
    "blank": (f"{CREATE} {extra(user='al ice')}", ["'al ice'"]),
    "empty": (f"{CREATE} {extra(user='')}", ["user"]),
    "parent folder": (f"{CREATE} -e user=../x", ["../x"]),
    "slash": (f"{CREATE} -e user=a/b", ["a/b"]),
    "dot": (f"{CREATE} -e user=a.b", ["a.b"]),
    "semicolon": (f"{CREATE} {extra(user='x;touch PWNED')}", ["x;touch PWNED"]),
    "substitution": (f"{CREATE} {extra(user='$(touch PWNED)')}", ["$(touch PWNED)"]),
    "template": (f"{CREATE} {extra(user='{{ 7*7 }}')}", ["{{ 7*7 }}"]),
    "lookup": (f"{CREATE} {extra(user='{{ lookup(chr(112)) }}')}", ["lookup"]),
    "too long": (f"{CREATE} -e user={'a' * 35}", ["too long by 3"]),
    "fleet too long": (f'{FLEET} -e "base={"a" * 30} low=1 high=40"', ["too long by 1"]),
    "reserved": (f"{CREATE} -e user=localhost", ["reserved"]),
    "yaml no": (f"{CREATE} -e '{{\"user\": no}}'", ["quote it"]),
    "low above high": (f'{FLEET} -e "base=lab low=5 high=2"', ["low"]),
    "zero": (f'{FLEET} -e "base=lab low=0 high=2"', ["low"]),
    "leading zero": (f'{FLEET} -e "base=lab low=01 high=2"', ["01"]),
    "no number": (f'{FLEET} -e "base=lab low=x high=2"', ["x"]),
    "more than a network carries": (f'{FLEET} -e "base=lab low=1 high=101"', ["101 machines", "100"]),
    "no names": (CREATE, ["user=alice"]),
    "create with -l": (f"-l ws-1 {CREATE} -e user=ws-1", ["-l", "leave it out"]),
    "delete with -l": ("-l ws-1 fleet_delete.yml", ["-l", "leave it out"]),
    "no -l": ("set_password.yml", ["-l alice"]),
    "unknown in -l": ("-l ws-11 set_password.yml", ["no such machine: ws-11", "ws-1"]),
    "unknown beside known": ("-l sw-1,ws-2 fleet_check.yml", ["no such machine: sw-1", "ws-1"]),
    "no password file": (f"{CREATE} -e user=bob", ["bob", "create_passwords.yml"]),
    "user named like a fleet": (f"{CREATE} -e user=ws", ["ws", "fleet"]),
    "fleet named like a user": (f'{FLEET} -e "base=ws-1 low=1 high=2"', ["ws-1"]),
    "misspelt setting": (f"{FLEET} -e user=ws-9 -e instnace=t3.large", ["instnace", "did you mean instance="]),
    "unknown instance type": (f"{FLEET} {extra(user='ws-9', instance='t3.gigantic')}", ["t3.gigantic"]),
    "zone not found": (f"{FLEET} {extra(user='ws-9', zone='example.org')}", ["example.org"]),
    "other account": (f"{FLEET} {extra(user='ws-9', account_id='999999999999')}", ["999999999999"]),
    "certificate not found": (
        f"{FLEET} {extra(user='ws-9', certificate_arn='arn:aws:acm:eu-west-1:123456789012:certificate/x')}",
        ["eu-west-1"],
    ),
    "unknown key pair": (f"{FLEET} {extra(user='ws-9', key_name='nobodys')}", ["nobodys"]),
    "no admin_cidr": (f"{FLEET} {extra(user='ws-9', admin_cidr='')}", ["admin_cidr"]),
    "content not found": (f"{FLEET} {extra(user='ws-9', content_url='http://127.0.0.1:9/x.tgz')}", ["content_url"]),
    "no network": ("network_delete.yml -e confirm=yes", ["say which network"]),
    "backup=ture": ("stack_delete.yml -e user=ws-1 -e confirm=yes -e backup=ture", ["backup=", "yes or no"]),
    "delete in another account": (
        f"stack_delete.yml -e confirm=yes {extra(user='ws-1', account_id='999999999999')}",
        ["999999999999"],
    ),
    "network with machines": ("network_delete.yml -e network=shared -e confirm=yes", ["ws-1", "shared"]),
}


@pytest.fixture(scope="module", autouse=True)
def password_of_ws_9(workshop: Workshop) -> Iterator[None]:
    """Lets the rows about other things than pass phrases name a machine that has one."""
    workshop.succeed("ansible-playbook create_passwords.yml -e user=ws-9")
    yield
    workshop.password_file("ws-9").unlink()


def mutating_calls(workshop: Workshop, since: int) -> list[dict[str, Any]]:
    return list(workshop.control(f"calls?since={since}"))


@pytest.mark.parametrize("row", ROWS)
def test_one_line_and_no_change(workshop: Workshop, row: str) -> None:
    arguments, words = ROWS[row]
    mark = workshop.control("counts")["mark"]
    files = sorted(str(path) for path in workshop.state.rglob("*"))
    result = workshop.play(arguments)
    assert result.status != 0, result.text
    telling = [line for line in result.text.splitlines() if all(word in line for word in words)]
    assert telling, f"no line with {words} in:\n{result.text}"
    assert "Traceback" not in result.text
    assert mutating_calls(workshop, mark) == []
    assert sorted(str(path) for path in workshop.state.rglob("*")) == files
    assert not Path("PWNED").exists()


@pytest.mark.parametrize(
    ("content", "word"),
    [("", "empty"), ("\nsecond line\n", "blank"), ("short\n", "12"), ("$ANSIBLE_VAULT;1.1;AES256\n6162\n", "vault")],
)
def test_bad_password_file(workshop: Workshop, content: str, word: str) -> None:
    file = workshop.password_file("ws-8")
    file.write_text(content)
    try:
        result = workshop.play(f"{FLEET} -e user=ws-8")
        assert result.status != 0
        assert any("ws-8" in line and word in line for line in result.text.splitlines()), result.text
    finally:
        file.unlink()


def test_open_password_file_is_mended(workshop: Workshop) -> None:
    file = workshop.password_file("ws-1")
    file.chmod(0o644)
    file.parent.chmod(0o755)
    text = workshop.succeed("ansible-playbook -l ws-1 set_password.yml")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert "ws-1.passwd" in text


def test_no_credentials(workshop: Workshop) -> None:
    result = workshop.shell(f"unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; ansible-playbook {FLEET} -e user=ws-9")
    assert result.status != 0
    assert any("credentials" in line for line in result.text.splitlines())
    assert "Traceback" not in result.text
    chosen = workshop.shell("unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; ansible-playbook -l ws-1 set_password.yml")
    assert chosen.status != 0
    assert any("credentials" in line for line in chosen.text.splitlines())


SECONDS_LEFT = 10
"""Of a certificate that is imported, as AWS takes none that has ended, and then waited out."""


def certificate_that_ends(folder: Path) -> str:
    """Files in `folder` of a certificate for the rehearsal's names that ends soon, as the aws CLI takes them."""
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
def test_certificate_that_cannot_be_used(workshop: Workshop, tmp_path: Path, says: str) -> None:
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
        mark = workshop.control("counts")["mark"]
        result = workshop.play(f"{FLEET} {extra(user='ws-9', certificate_arn=arn)}")
        assert result.status != 0
        said = [line for line in result.text.splitlines() if line.startswith("FAILED") and arn in line]
        assert said and says in said[0], result.text
        assert mutating_calls(workshop, mark) == []
    finally:
        workshop.aws(f"acm delete-certificate --certificate-arn {arn}")


def test_all_problems_at_once(workshop: Workshop) -> None:
    arguments = extra(user="bob", zone="example.org", key_name="nobodys", admin_cidr="", instance="t3.gigantic")
    result = workshop.play(f"{FLEET} {arguments}")
    assert result.status != 0
    for word in ("bob", "example.org", "nobodys", "admin_cidr", "t3.gigantic"):
        assert any(word in line for line in result.text.splitlines() if line.startswith("FAILED")), result.text
