"""Promise 4: keys are pinned once, from consoles that can be believed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.ec2 import pin_host_keys as pinning
from ansible_collections.probcomp.stack.plugins.module_utils.ec2.console import Consoles
from ansible_collections.probcomp.stack.plugins.module_utils.ec2.pin_host_keys import Pinner

from tests.support.cloudformation_fakes import FakeTime, client_error
from tests.support.console_text import ED25519, OTHER, fingerprints_block, keys_block
from tests.support.ec2_consoles import FakeEc2

FIRST, SECOND = "i-00000000000000001", "i-00000000000000002"
SSH_NAME = "ssh.alice.stack.example.org"


@pytest.fixture
def pin_all(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(client: FakeEc2, timeout: float = 1200, is_new: bool = False, **ids: str) -> dict[str, Any]:
        clock = FakeTime().clock()
        pinner = Pinner(Consoles(client, clock), clock, timeout, 5)
        machines = [
            {
                "user": user,
                "instance_id": instance_id,
                "instance_type": "t3.medium",
                "ssh_name": f"ssh.{user}.stack.example.org",
                "pin_file": str(tmp_path / user),
                "is_new": is_new,
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
    before = {"alice": pinning.PinText.read(str(tmp_path / "alice"))}
    results = pin_all(FakeEc2(i_00000000000000002=["", keys_block(OTHER)]), alice=SECOND)
    assert results["alice"]["changed"] is True
    line = f"{SSH_NAME} {OTHER} {SECOND}\n"
    assert (tmp_path / "alice").read_text() == line
    (diff,) = pinning.differences(before, results)
    assert (diff["before"], diff["after"]) == (f"{SSH_NAME} {ED25519} {FIRST}\n", line)
    assert diff["before_header"] == str(tmp_path / "alice")
    again = pin_all(FakeEc2(i_00000000000000002=[keys_block(OTHER)]), alice=SECOND)
    assert pinning.differences(before, again) == []


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


NOISE = "[   99.1] nothing to see\n" * 3000
TRUE = fingerprints_block(ED25519) + keys_block(ED25519)
FORGED = fingerprints_block(OTHER) + keys_block(OTHER)
LAST_64_KB = slice(-65_536, None)


def test_a_block_that_scrolled_away_is_read_from_the_boots_own_console(
    pin_all: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    client = FakeEc2(boot=TRUE, i_00000000000000001=[(TRUE + NOISE)[LAST_64_KB]])
    assert pin_all(client, alice=FIRST)["alice"]["status"] == "pinned"
    assert (tmp_path / "alice").read_text() == f"{SSH_NAME} {ED25519} {FIRST}\n"


@pytest.mark.parametrize(
    "kept", [TRUE, "", "booting", (NOISE + FORGED)[LAST_64_KB]], ids=["true", "none", "no", "later"]
)
def test_a_forged_block_after_64_kb_is_not_pinned(
    pin_all: Callable[..., dict[str, Any]], tmp_path: Path, kept: str
) -> None:
    client = FakeEc2(boot=kept, i_00000000000000001=[(TRUE + NOISE + FORGED)[LAST_64_KB]])
    result = pin_all(client, timeout=60, alice=FIRST)["alice"]
    assert result["status"] == "failed" and not (tmp_path / "alice").exists()
    assert f"copy {tmp_path / 'alice'} from whoever pinned it" in result["reason"]
    assert "nothing has to be deleted" in result["reason"] and "\n" not in result["reason"]


def test_a_pin_file_that_somebody_handed_over_is_taken(pin_all: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "alice").write_text(f"{SSH_NAME} {ED25519} {FIRST}\n")
    client = FakeEc2(boot="", i_00000000000000001=[(NOISE + FORGED)[LAST_64_KB]])
    assert pin_all(client, alice=FIRST)["alice"]["status"] == "pinned"


def test_a_machine_just_made_may_have_a_long_boot(pin_all: Callable[..., dict[str, Any]]) -> None:
    client = FakeEc2(boot="", i_00000000000000001=[(NOISE + TRUE)[LAST_64_KB]])
    assert pin_all(client, is_new=True, alice=FIRST)["alice"]["status"] == "pinned"
    assert [request.get("Latest") for request in client.requests] == [True], "one call for each new machine"


def test_errors_are_of_one_machine_or_of_all(pin_all: Callable[..., dict[str, Any]]) -> None:
    client = FakeEc2(
        i_00000000000000001=[client_error("InvalidInstanceID.Malformed", "m")], i_00000000000000002=[keys_block(OTHER)]
    )
    result = pin_all(client, alice=FIRST, bob=SECOND)
    assert (result["alice"]["status"], result["bob"]["status"]) == ("failed", "pinned")
    new = FakeEc2(i_00000000000000001=[client_error("InvalidInstanceID.NotFound", "m"), keys_block(ED25519)])
    assert pin_all(new, carol=FIRST)["carol"]["status"] == "pinned"
    never = FakeEc2(i_00000000000000001=[client_error("InvalidInstanceID.NotFound", "m")])
    reason = pin_all(never, timeout=1200, dan=FIRST)["dan"]["reason"]
    assert "InvalidInstanceID.NotFound" in reason and len(never.requests) < 30, "given up after a minute"
    expired = FakeEc2(i_00000000000000001=[client_error("ExpiredToken", "m")], i_00000000000000002=[""])
    result = pin_all(expired, dora=FIRST, emil=SECOND)
    assert {item["status"] for item in result.values()} == {"failed"}
    assert all("expired" in item["reason"] for item in result.values())


def test_those_whose_console_is_late_are_reported(
    pin_all: Callable[..., dict[str, Any]], reported: Callable[[], list[str]]
) -> None:
    pin_all(FakeEc2(i_00000000000000003=[keys_block(OTHER)]), carol="i-00000000000000003")
    client = FakeEc2(
        i_00000000000000001=["", keys_block(ED25519)],
        i_00000000000000002=[client_error("InvalidInstanceID.Malformed", "m")],
    )
    pin_all(client, alice=FIRST, bob=SECOND, carol="i-00000000000000003")
    assert reported()[-3:] == [
        "host keys: 1 of 3 ready after 95 s; late: alice, bob",
        "host keys: 1 of 3 ready, 1 failed after 95 s; late: alice",
        "host keys: 2 of 3 ready, 1 failed after 95 s",
    ]


def test_pins_of_machines_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    there, gone, folder = (tmp_path / name for name in ("there", "gone", "folder"))
    there.write_text("a pin\x1b[2J\n")
    (folder / "x").mkdir(parents=True)
    machines = [{"user": path.name, "pin_file": str(path)} for path in (there, gone, folder)]
    before = {path.name: pinning.PinText.read(str(path)) for path in (there, gone, folder)}
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
    shown = {"before": "a pin\n", "after": "", "before_header": str(there), "after_header": str(there)}
    assert pinning.differences(before, results) == [shown]
    assert pinning.differences(before, looked)[0] == shown, "in check mode too"
