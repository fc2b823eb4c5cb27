"""Promise 4: consoles give whole host keys only, or are refused as forged.

They may be torn anywhere.
"""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.ec2.host_keys import (
    ForgedKeys,
    host_keys,
    is_cut,
    parse_key,
)

from tests.support.console_text import ECDSA, ED25519, OTHER, fingerprints_block, keys_block

CONSOLES = Path(__file__).with_name("consoles")
REAL = gzip.decompress((CONSOLES / "debian12-real.txt.gz").read_bytes()).decode("utf-8", "replace")
TORN_END, TORN_KEY = (
    (CONSOLES / f"{name}.txt").read_text(encoding="utf-8")
    for name in ("kernel-message-inside-END-marker", "kernel-words-inside-ed25519-key")
)
WHOLE = TORN_END.replace("[   20.1] x\n", "")
ALL = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"]
TRUE_KEYS = host_keys(WHOLE)
BEGIN, END = "-----BEGIN SSH HOST KEY KEYS-----\n", "-----END SSH HOST KEY KEYS-----\n"
ED25519_LINE = next(line for line in WHOLE.splitlines() if line.startswith("ssh-ed25519"))
STRANGE_LINE = next(line.strip() for line in REAL.splitlines() if line.startswith("ssh-ed25519"))
FINGERPRINT, OTHER_FINGERPRINT = (
    next(line.split("SHA256:")[1][:43] for line in text.splitlines() if "(ED25519)" in line) for text in (WHOLE, REAL)
)
FINGERPRINT_LINE = next(line for line in WHOLE.splitlines() if FINGERPRINT in line)
NO_FINGERPRINTS = [
    "sshd: 7 SHA256:{} root@ip (ED25519)",
    "SHA256:{} root@ip (ED25519)",
    "256 SHA256:{} a key of somebody (ED25519)",
    "256 SHA256:{} root@ip (ED25519) was seen",
]
"""Lines that hold a fingerprint, and not as ssh-keygen writes it."""
KERNEL = "[   12.345678] random: crng init done\n"
MESSAGES = {
    "kernel": KERNEL,
    "kernel, ends of lines of a serial port": KERNEL.replace("\n", "\r\n"),
    "kernel without times": "random: crng init done\n",
    "three of the kernel": KERNEL * 3,
    "systemd": "\r\x1b[K[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mcron.service\x1b[0m - Cron.\r\n",
    "bytes of no text": "\ufffd\ufffd\x00\x9b\n",
    "end of a line": "\r\n",
}


def found(output: str) -> list[str]:
    return [f"{key.kind} {key.blob}" for key in host_keys(output)]


def kinds(*outputs: str) -> list[str]:
    return [key.kind for key in host_keys(*outputs)]


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
    with pytest.raises(ForgedKeys, match=says):
        host_keys(output)


def test_a_real_console_and_two_torn_ones() -> None:
    assert kinds(REAL) == ALL
    assert kinds(TORN_END) == ALL
    assert kinds(TORN_KEY) == ALL[1:], "the torn key is not pinned, those that are whole are"


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
@pytest.mark.parametrize("text", [WHOLE.replace("\n", "\r\n"), WHOLE[WHOLE.index(BEGIN) :]], ids=["all", "keys"])
def test_a_message_anywhere_costs_one_key_at_most(text: str, message: str) -> None:
    for place in range(len(text)):
        found = host_keys(text[:place] + message + text[place:])
        assert set(found) <= set(TRUE_KEYS) and len(found) >= 2, f"at {place}: {text[max(0, place - 20) : place]!r}"


def test_terminal_commands_anywhere_cost_nothing() -> None:
    for place in range(len(WHOLE)):
        assert kinds(f"{WHOLE[:place]}\x1b[0;1;39m\x1b]0;title\x07\x00{WHOLE[place:]}") == ALL, place


def test_what_is_cut_anywhere_is_never_forged() -> None:
    for place in range(len(WHOLE)):
        assert set(host_keys(WHOLE[:place])) <= set(TRUE_KEYS), place
        assert set(host_keys(WHOLE[place:])) <= set(TRUE_KEYS), place
        assert kinds(WHOLE[place:] + WHOLE) == ALL, "a torn block, then a whole one"
        assert kinds(WHOLE + WHOLE[:place]) == ALL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TORN_KEY + WHOLE, ALL),
        (WHOLE.replace(END, "") + "login: \n" * 5, ALL),
        (WHOLE[WHOLE.index(BEGIN) :].replace(END, ""), []),
        (WHOLE[WHOLE.index(BEGIN) :].replace(END, "") + "login: \n" * 5, ALL),
        (WHOLE.replace(BEGIN, ""), ALL),
        (WHOLE[WHOLE.index(BEGIN) + len(BEGIN) :], []),
        (WHOLE.replace("FINGERPRINTS-----", "FI"), ALL),
        # The RSA key is torn between two of its parts: what is left is valid base64.
        (WHOLE.replace("AAAADAQABAAABgQ", f"AAAADAQAB{KERNEL}AAABgQ").replace(f"AB{KERNEL}", f"AB {KERNEL}"), ALL[:2]),
        (WHOLE.replace("(ED25519)", f"(ED{KERNEL}25519)"), ALL),
        (WHOLE.replace(FINGERPRINT, FINGERPRINT[:20]), ALL),
        (WHOLE.replace("root@ip-10-20-0-5 (", "no comment ("), ALL),
        *((WHOLE.replace(FINGERPRINT_LINE, line.format(OTHER_FINGERPRINT)), ALL) for line in NO_FINGERPRINTS),
        # Another key's fingerprint outside of a block, as ssh-keygen shows it in user data.
        (f"256 SHA256:{OTHER_FINGERPRINT} deploy (ED25519)\n{WHOLE}", ALL),
        (f"{WHOLE}github.com {STRANGE_LINE}\n", ALL),
        (f"github.com {STRANGE_LINE}\n{WHOLE[WHOLE.index(BEGIN) :]}", ALL),
    ],
    ids=range(18),
)
def test_other_damage(text: str, expected: list[str]) -> None:
    assert kinds(text) == expected


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ([TORN_KEY.replace(FINGERPRINT, OTHER_FINGERPRINT), WHOLE], "2 different blocks of host key fingerprints"),
        ([WHOLE.replace(FINGERPRINT, OTHER_FINGERPRINT)], "do not fit its host keys: ssh-ed25519"),
        (
            [WHOLE.replace(FINGERPRINT_LINE, f"256 SHA256:{OTHER_FINGERPRINT} no comment (ED25519)")],
            "do not fit its host keys: ssh-ed25519",
        ),
        ([WHOLE.replace(ED25519_LINE, STRANGE_LINE)], "do not fit its host keys: ssh-ed25519"),
        ([WHOLE, f"{BEGIN}{STRANGE_LINE}\n{END}"], "2 different blocks of host keys"),
        ([TORN_END + f"{BEGIN}{STRANGE_LINE}\n{END}"], "2 different blocks of host keys"),
        ([f"{BEGIN}{ED25519_LINE}\n{STRANGE_LINE}\n{END}"], "two host keys of one type"),
        ([WHOLE, REAL], "2 different blocks"),
    ],
    ids=range(8),
)
def test_a_whole_key_or_fingerprint_that_differs_is_a_forgery(outputs: list[str], says: str) -> None:
    with pytest.raises(ForgedKeys, match=says):
        host_keys(*outputs)


def test_a_torn_key_is_no_key() -> None:
    for key in TRUE_KEYS:
        assert parse_key(key.kind, key.blob) == key
        for end in range(4, len(key.blob), 4):
            assert parse_key(key.kind, key.blob[:end]) is None, (key.kind, end)


def test_a_console_without_its_beginning() -> None:
    assert not is_cut(REAL)
    assert is_cut(("x" * 70_000)[-64_000:])
    assert is_cut("\ufffd" * 21_845)


@pytest.mark.parametrize(
    "piece",
    ["-", "-----BEGIN SSH ", "[    1.0]", "\x1b[", "\x1b]0;", " ", "ssh-rsa AAAA", "256 SHA256:", "S-----", "\n"],
)
def test_64_kb_of_anything_are_read_in_no_time(piece: str) -> None:
    start = time.process_time()
    assert host_keys(piece * (65_536 // len(piece))) == []
    assert time.process_time() - start < 2
