"""Preflight's checks outside AWS.

They are key fingerprints as tools compute them, content on the web, and local programs.
"""

import base64
import hashlib
import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws.account import is_rehearsal
from ansible_collections.probcomp.stack.plugins.module_utils.output.host_summary import people
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.account import check_programs
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.endpoints import (
    check_content,
    check_s3_content,
    covers,
)
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.findings import Findings
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.key_pair import (
    file_marks,
    pair_marks,
    private_marks,
)
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.request import Settings
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from rehearsal.api import faults
from tests.support import ad_hoc
from tests.support.s3_world import CLOSED, s3_world


def settings(**options: Any) -> Settings:
    """Return settings of which only some are used."""
    names = ("region", "zone", "certificate_arn", "key_name", "private_key_file", "admin_cidr")
    values = dict.fromkeys((*names, "password_directory", "image_parameter"), "")
    return Settings(password_min_length=12, **{**values, **options})


def shell(command: str, folder: Path) -> str:
    return subprocess.run(["bash", "-c", command], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_fingerprints_are_those_of_the_tools_that_aws_documents(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    (tmp_path / "key").write_bytes(key.private_bytes(*form))
    made = shell("openssl pkcs8 -in key -inform PEM -outform DER -topk8 -nocrypt | openssl sha1 -c", tmp_path).split()[
        -1
    ]
    imported = shell("openssl rsa -in key -pubout -outform DER 2>/dev/null | openssl md5 -c", tmp_path).split()[-1]
    marks = private_marks(key)
    assert pair_marks({"KeyFingerprint": made}) <= marks and pair_marks({"KeyFingerprint": imported}) <= marks
    shell("ssh-keygen -q -t ed25519 -N '' -f ed", tmp_path)
    shown = shell("ssh-keygen -l -f ed", tmp_path).split()[1].removeprefix("SHA256:")
    findings = Findings()
    marks_of_file = file_marks(findings, str(tmp_path / "ed"))
    # AWS pads the digest.
    assert marks_of_file is not None and pair_marks({"KeyFingerprint": shown + "="}) <= marks_of_file
    assert not pair_marks({"KeyFingerprint": made}) & marks_of_file and findings.problems == []
    public = (tmp_path / "ed.pub").read_text()
    assert pair_marks({"PublicKey": public}) <= marks_of_file
    digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    assert base64.b64encode(digest).decode().rstrip("=") == shown


def test_private_keys_that_ssh_would_not_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    path = tmp_path / "key"
    shell("ssh-keygen -q -t ed25519 -N secret -f key", tmp_path)
    path.chmod(0o644)
    findings = Findings()
    assert file_marks(findings, str(path)) is None
    assert "can be read by others (mode 0644)" in findings.problems[0].text
    assert "no ssh agent answers" in findings.problems[1].text and "pass phrase" in findings.notes[0]
    path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nrubbish\n-----END OPENSSH PRIVATE KEY-----\n")
    path.chmod(0o600)
    findings = Findings()
    assert file_marks(findings, str(path)) is None and "no private key that ssh can use" in findings.problems[0].text


class Site(http.server.BaseHTTPRequestHandler):
    """A web server that answers by path and counts the bytes asked for."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("Range", "everything"))
        bodies = {
            "/content.tgz": ("application/gzip", b"\x1f\x8b" + bytes(510)),
            "/page.tgz": ("text/html; charset=utf-8", b"<!DOCTYPE html>"),
            "/page-as-bytes.tgz": ("application/octet-stream", b"\n  <html>"),
        }
        if self.path not in bodies:
            self.send_error(404)
            return
        kind, body = bodies[self.path]
        self.send_response(206)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output quiet."""


@pytest.fixture
def site() -> Iterator[str]:
    """Provide the address of a web server on this computer."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/content.tgz", ""),
        ("/none.tgz?X-Amz-Signature=secret", "/none.tgz answers 404"),
        ("/page.tgz", "is a web page"),
        ("/page-as-bytes.tgz", "is a web page"),
    ],
)
def test_content_is_looked_at_by_its_first_bytes(site: str, path: str, words: str) -> None:
    findings = Findings()
    check_content(findings, settings(content_url=site + path, apt_repository_url="x", allow_plain_http=True))
    found = [problem.text for problem in findings.problems]
    assert bool(found) == bool(words) and all(words in text and "secret" not in text for text in found)
    assert Site.asked[-1] == "bytes=0-511" and findings.notes == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "no-address", "ftp2://x/y", "http://name.invalid/x"])
def test_content_that_cannot_be_reached(url: str) -> None:
    findings = Findings()
    check_content(findings, settings(content_url=url, allow_plain_http=True))
    assert len(findings.problems) == 1 and "\n" not in findings.problems[0].text


PLAIN = "is plain http"
KEY_TEXT = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nhttp://x\n"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, ["content_url http://"]),
        ({"content_checksum": "sha256:" + "0" * 64}, []),
        ({"allow_plain_http": True}, []),
        ({"content_url": ""}, []),
        (
            {"content_url": "", "apt_repository_key": " HTTP://keys.invalid/a.asc?token=secret"},
            ["apt_probcomp_key http:"],
        ),
        ({"apt_repository_key": "http://keys.invalid/a.asc"}, ["apt_probcomp_key http:", "content_url http://"]),
        ({"apt_repository_key": "http://keys.invalid/a.asc", "allow_plain_http": True}, []),
        ({"content_url": "", "apt_repository_key": "https://keys.invalid/a.asc"}, []),
        ({"content_url": "", "apt_repository_key": KEY_TEXT}, []),
        ({"content_url": "", "apt_repository_key": "/keys/a.asc"}, []),
        ({"content_url": "", "apt_repository_key": "http://keys.invalid/a.asc", "apt_repository_url": ""}, []),
    ],
)
def test_what_could_be_replaced_on_the_way_is_refused(site: str, given: dict[str, Any], named: list[str]) -> None:
    findings = Findings()
    usual = {"content_url": f"{site}/content.tgz", "apt_repository_url": "http://packages.invalid/ubuntu"}
    check_content(findings, settings(**{**usual, **given}))
    found = [problem.text for problem in findings.problems]
    assert len(found) == len(named) and all(PLAIN in text and "allow_plain_http: true" in text for text in found)
    assert all(text.strip().startswith(words) for text, words in zip(found, named, strict=True)), found
    assert not any("secret" in text or "\n" in text for text in found)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (str(CLOSED), ""),
        ("s3://closed/none.tgz", "the content s3://closed/none.tgz answers 404: publish the archive there"),
        ("s3://closed/page.tgz", "the content s3://closed/page.tgz is a web page"),
        ("s3://nobodys/k", "there is no bucket nobodys for s3://nobodys/k: correct content_url"),
        ("s3://closed/", "names no file in a bucket: s3://bucket/folder/content-package.tgz"),
    ],
)
def test_content_of_a_closed_bucket_is_looked_at_as_machines_will(tmp_path: Path, url: str, words: str) -> None:
    findings = Findings()
    given = settings(content_url=url, apt_repository_url="x", allow_plain_http=True)
    with s3_world(tmp_path) as world:
        world.s3.put_object(Bucket=CLOSED.bucket, Key=CLOSED.key, Body=b"\x1f\x8b")
        world.s3.put_object(Bucket=CLOSED.bucket, Key="page.tgz", Body=b"<!DOCTYPE html>")
        check_content(findings, given)
        check_s3_content(findings, world.clients(), given)
    found = [problem.text for problem in findings.problems]
    assert len(found) == bool(words) and all(words in text and "X-Amz" not in text for text in found), found


def test_content_that_these_credentials_may_not_read_is_named_with_its_rights(tmp_path: Path) -> None:
    findings = Findings()
    with s3_world(tmp_path) as world:
        faults.add({"service": "s3", "action": "GetObject", "code": "AccessDenied", "message": "no", "status": 403})
        check_s3_content(findings, world.clients(), settings(content_url=str(CLOSED)))
        faults.clear()
    texts = [problem.text for problem in findings.problems]
    assert ["read over plain http" in texts[0], "answers 403" in texts[1]] == [True, True], texts
    assert f"s3:GetObject on {CLOSED.arn}, and kms:Decrypt" in texts[1]


def test_a_wildcard_stands_for_one_label() -> None:
    assert covers("*.stack.example.org", "ws-1.stack.example.org")
    assert covers("WS-1.stack.example.org", "ws-1.stack.example.org")
    assert not covers("*.example.org", "ws-1.stack.example.org")
    assert not covers("*.stack.example.org", "stack.example.org")
    assert not covers("*.stack.example.org", "a.ws-1.stack.example.org")


def test_programs_and_places(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = Findings()
    check_programs(findings)
    monkeypatch.setenv("PATH", "/nonexistent")
    check_programs(findings, ["ssh", "tar", "rsync"])
    assert findings.problems[-1].text == "not installed here: ssh, tar, rsync: apt-get install openssh-client rsync tar"
    assert (
        is_rehearsal("http://127.0.0.1:4000")
        and is_rehearsal("http://[::1]:4000")
        and is_rehearsal("http://localhost:1")
    )
    assert not is_rehearsal("https://sts.eu-central-1.amazonaws.com") and not is_rehearsal(
        "http://127.0.0.1.evil.example"
    )
    assert people(["a", "b"]) == "a, b" and people("abcdefg") == "a, b, c and 4 more"


def test_the_module_answers_problems_where_it_could_fail(tmp_path: Path) -> None:
    asked = {"user": "alice", "instance": "t3.medium", "network": "shared", "volume_size": 30}
    arguments = {
        "machines": [asked],
        "zone": "example.org",
        "certificate_arn": "x",
        "key_name": "lab",
        "admin_cidr": "x",
        "private_key_file": "/nowhere",
        "password_directory": str(tmp_path),
        "profile": "nobody",
        "region": "eu-central-1",
    }
    _, printed = ad_hoc.run(tmp_path, "fleet_preflight", arguments)
    assert "SUCCESS" in printed and "check AWS_PROFILE" in printed, printed
    assert "create_passwords.yml -e user=alice" in printed and "Traceback" not in printed
