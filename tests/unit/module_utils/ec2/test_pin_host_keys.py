"""Promise 4: pinned keys stay; console texts give keys or are refused."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import Clock
from ansible_collections.probcomp.stack.plugins.module_utils.ec2 import console
from ansible_collections.probcomp.stack.plugins.module_utils.ec2 import known_hosts as pins
from ansible_collections.probcomp.stack.plugins.module_utils.ec2 import pin_host_keys as pinning
from ansible_collections.probcomp.stack.plugins.module_utils.ec2.pin_host_keys import Consoles, Pinner
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

FIRST, SECOND = "i-00000000000000001", "i-00000000000000002"
SSH_NAME = "ssh.alice.stack.example.org"


def new_key(private: Any = None) -> str:
    """Return a new public key as text, by default an Ed25519 key."""
    public = (private or ed25519.Ed25519PrivateKey.generate()).public_key()
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return str(public.public_bytes(*form).decode("ascii"))


ED25519, ECDSA = new_key(), new_key(ec.generate_private_key(ec.SECP256R1()))
OTHER = new_key()


def keys_block(*keys: str, prefix: str = "") -> str:
    lines = ["-----BEGIN SSH HOST KEY KEYS-----", *(f"{key} root@ip-10-20-0-5" for key in keys)]
    return "".join(f"{prefix}{line}\r\n" for line in [*lines, "-----END SSH HOST KEY KEYS-----"])


def fingerprints_block(*keys: str, prefix: str = "<14>Jan  2 03:04:05 cloud-init: ") -> str:
    parsed = [console.parse_key(*key.split()) for key in keys]
    lines = [f"256 SHA256:{key.fingerprint} root@ip-10-20-0-5 (ED25519)" for key in parsed if key]
    marked = ["-----BEGIN SSH HOST KEY FINGERPRINTS-----", *lines, "-----END SSH HOST KEY FINGERPRINTS-----"]
    return "".join(f"{prefix}{line}\r\n" for line in marked)


def found(output: str) -> list[str]:
    return [f"{key.kind} {key.blob}" for key in console.host_keys(output)]


@pytest.mark.parametrize(
    "output",
    [
        keys_block(ECDSA, ED25519),
        "boot\n" + fingerprints_block(ED25519, ECDSA) + keys_block(ECDSA, ED25519) + "login: ",
        keys_block(ED25519, ECDSA, prefix="[   12.345678] cloud-init[612]: "),
        keys_block(ED25519, ECDSA, prefix="\x1b[0;32m ci-info: \x1b[0m"),
        keys_block(ED25519, ECDSA) * 2,
        keys_block(ED25519, ECDSA, "ssh-dss AAAAB3NzaC1kc3MAAACBAP"),
        keys_block(ED25519, ECDSA).replace("ssh-ed25519", "\x00ssh-ed25519\x07"),
    ],
)
def test_reads_the_block(output: str) -> None:
    assert found(output) == [ED25519, ECDSA]


@pytest.mark.parametrize(
    "output",
    [
        "",
        "booting",
        keys_block(),
        keys_block(ED25519).partition("-----END")[0],
        keys_block(ED25519).partition("KEYS-----")[2],
        keys_block("ssh-dss AAAAB3NzaC1kc3MAAACBAP"),
        keys_block(ED25519[:40]),
        keys_block(ED25519.replace("ssh-ed25519", "ssh-rsa")),
        keys_block(ED25519[:30] + " [1.0] a kernel message " + ED25519[30:]),
        ED25519,
        fingerprints_block(ED25519),
    ],
    # Keys are made for each run, and so cannot name a test.
    ids=range(11),
)
def test_anything_less_is_not_yet(output: str) -> None:
    assert found(output) == []


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (keys_block(ED25519) + keys_block(OTHER), "2 different blocks of host keys"),
        (keys_block(ED25519) + keys_block(ED25519, OTHER), "2 different blocks of host keys"),
        (fingerprints_block(OTHER) + keys_block(ED25519), "do not fit its host keys: ssh-ed25519"),
        (fingerprints_block(ED25519) + fingerprints_block(OTHER) + keys_block(ED25519), "different blocks"),
    ],
)
def test_refuses_what_contradicts_itself(output: str, says: str) -> None:
    with pytest.raises(console.ForgedKeys, match=says):
        console.host_keys(output)


def test_pin_files(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts" / "alice"
    assert pins.read_pin(path, SSH_NAME) is None
    pin = pins.Pin(FIRST, tuple(console.host_keys(keys_block(ED25519, ECDSA))))
    pins.write_pin(path, SSH_NAME, pin)
    assert pins.read_pin(path, SSH_NAME) == pin
    assert path.read_text().splitlines()[0] == f"{SSH_NAME} {ED25519} {FIRST}"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in path.parent.iterdir()] == ["alice"]


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")
def test_ssh_finds_the_pinned_key_by_its_plain_name(tmp_path: Path) -> None:
    # With HostKeyAlias ssh looks for the alias unchanged, whatever the port: no [name]:port.
    path = tmp_path / "alice"
    pins.write_pin(path, SSH_NAME, pins.Pin(FIRST, tuple(console.host_keys(keys_block(ED25519)))))
    command = ["ssh-keygen", "-F", SSH_NAME, "-f", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    assert ED25519 in result.stdout


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")
def test_a_pin_of_a_zone_once_written_in_upper_case_holds(tmp_path: Path) -> None:
    path = tmp_path / "alice"
    pin = pins.Pin(FIRST, tuple(console.host_keys(keys_block(ED25519))))
    pins.write_pin(path, "ssh.alice.stack.Example.org", pin)
    assert pins.read_pin(path, "ssh.alice.stack.example.org") == pin
    command = ["ssh-keygen", "-F", "ssh.alice.stack.example.org", "-f", str(path)]
    assert ED25519 in subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout


@pytest.mark.parametrize(
    "text",
    [
        f"other.example.org {ED25519} {FIRST}\n",
        f"{SSH_NAME} {ED25519}\n",
        f"{SSH_NAME} {ED25519[:-8]} {FIRST}\n",
        f"{SSH_NAME} {ED25519} {FIRST}\n{SSH_NAME} {ECDSA} {SECOND}\n",
        f"* {ED25519} {FIRST}\n",
        "junk\n",
        "é\n",
    ],
)
def test_a_pin_file_that_was_changed_is_not_used(tmp_path: Path, text: str) -> None:
    path = tmp_path / "alice"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(pins.PinError):
        pins.read_pin(path, SSH_NAME)


class FakeTime:
    def __init__(self) -> None:
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class FakeEc2:
    """A fake of EC2 whose consoles show the given texts in turn.

    It raises an exception in the list; the last text stays.
    """

    def __init__(self, live: bool = True, **outputs: list[str | Exception]) -> None:
        self.live = live
        self.outputs = outputs
        self.requests: list[dict[str, Any]] = []

    def get_console_output(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if request.get("Latest") and not self.live:
            raise client_error("UnsupportedOperation")
        outputs = self.outputs[request["InstanceId"].replace("-", "_")]
        output = outputs.pop(0) if len(outputs) > 1 else outputs[0]
        if isinstance(output, Exception):
            raise output
        return {"Output": output} if output else {}


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "GetConsoleOutput")


@pytest.fixture
def pin_all(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(client: FakeEc2, timeout: float = 1200, **ids: str) -> dict[str, Any]:
        time = FakeTime()
        clock = Clock(now=lambda: time.seconds, sleep=time.sleep)
        pinner = Pinner(Consoles(client, clock), clock, timeout, 5)
        machines = [
            {
                "user": user,
                "instance_id": instance_id,
                "instance_type": "t3.medium",
                "ssh_name": f"ssh.{user}.stack.example.org",
                "pin_file": str(tmp_path / user),
            }
            for user, instance_id in ids.items()
        ]
        pinner.pin(pinner.without_pin(machines))
        results: dict[str, Any] = pinner.results
        return results

    return run


def test_waits_for_late_consoles(pin_all: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    client = FakeEc2(i_00000000000000001=["", "booting", keys_block(ED25519)], i_00000000000000002=[keys_block(OTHER)])
    result = pin_all(client, alice=FIRST, bob=SECOND)
    assert {item["status"] for item in result.values()} == {"pinned"}
    assert ED25519 in (tmp_path / "alice").read_text()
    assert OTHER in (tmp_path / "bob").read_text()


def test_a_pinned_key_is_never_overwritten(pin_all: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    pin_all(FakeEc2(i_00000000000000001=[keys_block(ED25519)]), alice=FIRST)
    forger = FakeEc2(i_00000000000000001=[keys_block(OTHER)])
    result = pin_all(forger, alice=FIRST)["alice"]
    assert (result["status"], result["changed"]) == ("pinned", False)
    assert forger.requests == []
    assert ED25519 in (tmp_path / "alice").read_text()


def test_another_instance_is_pinned_anew(pin_all: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    pin_all(FakeEc2(i_00000000000000001=[keys_block(ED25519)]), alice=FIRST)
    result = pin_all(FakeEc2(i_00000000000000002=["", keys_block(OTHER)]), alice=SECOND)["alice"]
    assert result["changed"] is True
    assert (tmp_path / "alice").read_text() == f"{SSH_NAME} {OTHER} {SECOND}\n"


def test_a_forged_console_pins_nothing(pin_all: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    client = FakeEc2(i_00000000000000001=[keys_block(ED25519) + keys_block(OTHER)])
    result = pin_all(client, alice=FIRST)["alice"]
    assert result["status"] == "failed"
    assert not (tmp_path / "alice").exists()


def test_an_empty_console_pins_nothing_and_ends(pin_all: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    client = FakeEc2(i_00000000000000001=[""])
    result = pin_all(client, timeout=60, alice=FIRST)["alice"]
    assert "no host keys on the console of i-00000000000000001 after 60 s" in result["reason"]
    assert not (tmp_path / "alice").exists()


def test_types_without_a_live_console(pin_all: Callable[..., dict[str, Any]]) -> None:
    client = FakeEc2(live=False, i_00000000000000001=["", keys_block(ED25519)])
    assert pin_all(client, alice=FIRST)["alice"]["status"] == "pinned"
    assert [request.get("Latest") for request in client.requests] == [True, None, None]


def test_errors_are_of_one_machine_or_of_all(pin_all: Callable[..., dict[str, Any]]) -> None:
    client = FakeEc2(
        i_00000000000000001=[client_error("InvalidInstanceID.Malformed")], i_00000000000000002=[keys_block(OTHER)]
    )
    result = pin_all(client, alice=FIRST, bob=SECOND)
    assert (result["alice"]["status"], result["bob"]["status"]) == ("failed", "pinned")
    new = FakeEc2(i_00000000000000001=[client_error("InvalidInstanceID.NotFound"), keys_block(ED25519)])
    assert pin_all(new, carol=FIRST)["carol"]["status"] == "pinned"
    expired = FakeEc2(i_00000000000000001=[client_error("ExpiredToken")], i_00000000000000002=[""])
    result = pin_all(expired, dora=FIRST, emil=SECOND)
    assert {item["status"] for item in result.values()} == {"failed"}
    assert all("expired" in item["reason"] for item in result.values())


def test_those_whose_console_is_late_are_reported(
    pin_all: Callable[..., dict[str, Any]], reported: Callable[[], list[str]]
) -> None:
    pin_all(FakeEc2(i_00000000000000003=[keys_block(OTHER)]), carol="i-00000000000000003")
    client = FakeEc2(
        i_00000000000000001=["", keys_block(ED25519)],
        i_00000000000000002=[client_error("InvalidInstanceID.Malformed")],
    )
    pin_all(client, alice=FIRST, bob=SECOND, carol="i-00000000000000003")
    assert reported()[-3:] == [
        "host keys: 1 of 3 ready after 95 s; late: alice, bob",
        "host keys: 1 of 3 ready, 1 failed after 95 s; late: alice",
        "host keys: 2 of 3 ready, 1 failed after 95 s",
    ]


def test_pins_of_machines_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    there, gone, folder = (tmp_path / name for name in ("there", "gone", "folder"))
    there.write_text("a pin\n")
    (folder / "x").mkdir(parents=True)
    machines = [{"user": path.name, "pin_file": str(path)} for path in (there, gone, folder)]
    looked = pinning.forget(machines, is_check_mode=True)
    assert there.exists() and [looked[user]["changed"] for user in ("there", "gone")] == [True, False]
    results = pinning.forget(machines, is_check_mode=False)
    assert not there.exists()
    assert [(result["status"], result["changed"]) for result in results.values()] == [
        ("absent", True),
        ("absent", False),
        ("failed", False),
    ]
    assert str(folder) in results["folder"]["reason"]
