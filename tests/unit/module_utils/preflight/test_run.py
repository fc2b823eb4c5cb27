"""Preflight in a sound account, with each single fault, and with all of them."""

import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.support.preflight_world import READING, REGION, World, machine, texts

FLEET = (machine("ws-1", fleet="ws"), machine("ws-2", fleet="ws"))


def test_nothing_is_wrong_and_nothing_is_changed(account: World) -> None:
    found = account.sweep(*FLEET)
    assert texts(found) == []
    assert account.requests and all(READING.match(name) for name in account.requests)
    assert found["machines"]["ws-1"] == {
        "image": account.images["x86_64"],
        "root_device_name": "/dev/sda1",
        "architecture": "x86_64",
        "vcpus": 2,
        "instance": "t3.medium",
        "exists": False,
        "stack_status": "",
        "zones": [f"{REGION}a", f"{REGION}b"],
    }
    assert (found["account"], found["region"], found["rehearsal"]) == ("123456789012", REGION, False)
    needs = {item["code"]: (item["used"], item["needed"], item["limit"]) for item in found["quotas"]}
    assert needs["L-1216C47A"] == (0, 4, 16) and needs["L-F678F1CE"] == (1, 1, 5) and needs["L-7EED9B64"] == (0, 2, 100)
    # The sum has 2 machines, 60 GiB, 2 + 2 addresses, 1 load balancer.
    hour = 2 * 0.048 + 60 * 0.0952 / 730 + 4 * 0.005 + 0.027
    assert float(found["cost"]["per_hour"]) == pytest.approx(hour, abs=5e-5)
    assert found["cost"]["unknown"] == [] and found["cost"]["as_of"] == datetime.now(UTC).date().isoformat()


def test_forty_cost_no_more_requests_than_one(account: World) -> None:
    users = [f"ws-{number}" for number in range(1, 41)]
    for user in users:
        account.give_password(user)
    account.quotas["L-1216C47A"] = 200
    assert texts(account.sweep(machine("ws-1", fleet="ws"))) == []
    one = len(account.requests)
    found = account.sweep(*(machine(user, fleet="ws") for user in users))
    assert texts(found) == [] and len(account.requests) == one
    assert any("ws-1 to ws-40" in line for line in found["plan_lines"])


def break_zone(account: World) -> None:
    route53 = account.make("route53")
    for item in route53.list_hosted_zones()["HostedZones"]:
        route53.delete_hosted_zone(Id=item["Id"])


def break_public_zone(account: World) -> None:
    break_zone(account)
    vpc = account.make("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    account.make("route53").create_hosted_zone(
        Name="example.org",
        CallerReference="2",
        VPC={"VPCRegion": REGION, "VPCId": vpc},
        HostedZoneConfig={"PrivateZone": True},
    )


def break_second_zone(account: World) -> None:
    account.make("route53").create_hosted_zone(Name="example.org", CallerReference="2")


def break_key_pair(account: World) -> None:
    account.make("ec2").delete_key_pair(KeyName="lab")


def break_quota(account: World) -> None:
    account.quotas["L-1216C47A"] = 3


def break_vpcs(account: World) -> None:
    account.quotas["L-F678F1CE"] = 1


def break_password(account: World) -> None:
    account.give_password("ws-2", "short")


def lose_passwords(account: World) -> None:
    for path in account.passwords.iterdir():
        path.unlink()


def nothing(account: World) -> None:
    """Change nothing in the account, since only a setting is wrong."""


def expired(account: World) -> dict[str, Any]:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    ended = builder.not_valid_before(now - timedelta(days=90)).not_valid_after(now - timedelta(days=3))
    certificate = ended.sign(key, hashes.SHA256())
    return {"certificate_arn": account.make_certificate("*.stack.example.org", _cert=certificate)}


BREAKAGES: dict[str, tuple[Callable[[World], None], Callable[[World], dict[str, Any]] | dict[str, Any], str]] = {
    "account": (nothing, {"account_id": "999999999999"}, "belong to account 123456789012, not to 999999999999"),
    "zone": (break_zone, {}, r"Route 53 has no hosted zone example\.org\."),
    "no zone": (nothing, {"zone": ""}, "zone is not set: give your hosted zone"),
    "zone of no text": (nothing, {"zone": False}, "zone False is not text: .* in quotes"),
    "zone that is an address": (
        nothing,
        {"zone": "https://example.org/"},
        "zone 'https://example.org/' is no domain name",
    ),
    "private zone": (break_public_zone, {}, r"the hosted zone example\.org\. is private, so browsers do not see it"),
    "two zones": (break_second_zone, {}, "2 public hosted zones"),
    "key pair": (break_key_pair, {}, "no key pair 'lab' in eu-central-1: .*import-key-pair --region eu-central-1"),
    "no key name": (nothing, {"key_name": ""}, "key_name is not set"),
    "private key": (
        nothing,
        lambda a: {"private_key_file": str(a.write_key(ed25519.Ed25519PrivateKey.generate(), "other"))},
        "private key .*other does not belong to key pair lab",
    ),
    "lost private key": (nothing, {"private_key_file": "/nowhere/key"}, "/nowhere/key cannot be read"),
    "no certificate": (
        nothing,
        {"certificate_arn": ""},
        r"certificate_arn is not set: .* AWS Certificate Manager",
    ),
    "certificate unknown": (
        nothing,
        {"certificate_arn": f"arn:aws:acm:{REGION}:123456789012:certificate/11111111-2222-3333-4444-555555555555"},
        "there is no certificate arn",
    ),
    "certificate elsewhere": (
        nothing,
        lambda a: {"certificate_arn": a.make_certificate("*.stack.example.org", "us-east-1")},
        "is of region us-east-1, the load balancer of eu-central-1",
    ),
    "certificate pending": (
        nothing,
        lambda a: {"certificate_arn": a.make_certificate("*.stack.example.org", status="PENDING_VALIDATION")},
        "is not validated yet",
    ),
    "certificate expired": (nothing, expired, "expired on 20"),
    "certificate of another name": (
        nothing,
        lambda a: {"certificate_arn": a.make_certificate("*.example.org")},
        r"ws-1, ws-2: .*does not cover ws-1\.stack\.example\.org",
    ),
    "quota": (break_quota, {}, r"vCPUs .*\(L-1216C47A\): 4 more asked, 0 in use, the limit is 3"),
    "VPCs": (break_vpcs, {}, r"quota of VPCs \(L-F678F1CE\): 1 more asked, 1 in use, the limit is 1"),
    "password": (break_password, {}, "ws-2: the password file .*ws-2.passwd has a password of 5 characters"),
    "no passwords": (lose_passwords, {}, "create_passwords.yml -e users=ws-1,ws-2"),
    "ssh network": (nothing, {"admin_cidr": "203.0.113.7"}, r"did you mean 203\.0\.113\.7/32"),
    "no ssh network": (nothing, {"admin_cidr": ""}, "admin_cidr is not set"),
    "an ssh network of several": (nothing, {"admin_cidr": ["192.0.2.0/24", "203.0.113.7"]}, r"did you mean .*\.7/32"),
    "six ssh networks": (nothing, {"admin_cidr": [f"192.0.2.{n}/32" for n in range(6)]}, "names 6 networks"),
    "host bits": (nothing, {"admin_cidr": "203.0.113.7/24"}, r"did you mean 203\.0\.113\.0/24"),
    "image": (nothing, {"image_parameter": "/nowhere/{architecture}"}, "ws-1, ws-2: no default image for x86_64"),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_one_thing_broken_is_one_problem(account: World, name: str) -> None:
    break_it, settings, words = BREAKAGES[name]
    break_it(account)
    found = account.sweep(*FLEET, **(settings(account) if callable(settings) else settings))
    assert len(texts(found)) == 1, texts(found)
    assert re.search(words, texts(found)[0]) and "\n" not in texts(found)[0]
    assert all(READING.match(request) for request in account.requests)


def test_all_broken_together_are_all_found(account: World) -> None:
    names = [
        "account",
        "zone",
        "private key",
        "certificate pending",
        "quota",
        "VPCs",
        "password",
        "ssh network",
        "image",
    ]
    settings: dict[str, Any] = {}
    for name in names:
        break_it, changed, _ = BREAKAGES[name]
        break_it(account)
        settings |= changed(account) if callable(changed) else changed
    # Type and content are wrong too; a broken image leaves the type's machines without one, which is the image's
    # problem.
    settings |= {"content_url": "http://127.0.0.1:9/content.tgz", "allow_plain_http": True}
    found = account.sweep(*FLEET, machine("alice", instance="t3.medum"), **settings)
    for words in [
        *(BREAKAGES[name][2] for name in names),
        "no instance type 't3.medum': take another, e.g. t3.med",
        "cannot be reached",
    ]:
        assert any(re.search(words, text) for text in texts(found)), (words, texts(found))
    assert len(texts(found)) == len(names) + 2
    assert all(READING.match(request) for request in account.requests)


def test_without_credentials_the_local_problems_are_found_too(account: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    import boto3

    account.client = lambda service, region: boto3.client(service, region)  # type: ignore[method-assign]
    found = account.sweep(*FLEET, admin_cidr="")
    assert len(texts(found)) == 2 and "no AWS credentials found" in texts(found)[1]
    assert found["cost"]["per_hour"] == "0.0000" and found["quotas"] == []


@pytest.mark.parametrize(
    ("region", "words"),
    [("eu-centrl-1", "did you mean eu-central-1"), ("", "no AWS region is set"), ("mars", "no AWS region 'mars'")],
)
def test_a_wrong_region_is_named(account: World, region: str, words: str) -> None:
    found = account.sweep(*FLEET, region=region)
    assert len(texts(found)) == 1 and words in texts(found)[0]
    assert account.requests == []


def test_risks_and_skipped_parts_are_notes(account: World) -> None:
    found = account.sweep(*FLEET, admin_cidr="0.0.0.0/0")
    assert texts(found) == []
    assert any("0.0.0.0/0" in note and note.startswith("risk") for note in found["notes"])
    assert any("Debian packages" in note for note in found["notes"]) and any(
        "content" in note for note in found["notes"]
    )
    del account.quotas["L-1216C47A"]
    account.prices = {}
    found = account.sweep(*FLEET, apt_repository_url="http://127.0.0.1/")
    assert texts(found) == [] and any("L-1216C47A" in note for note in found["notes"])
    assert found["cost"]["per_hour"] is None and "t3.medium" in found["cost"]["unknown"]
    assert next(item for item in found["quotas"] if item["code"] == "L-1216C47A")["limit"] is None


@pytest.mark.parametrize("zone", ["example.org.", "Example.org", "EXAMPLE.ORG."])
def test_neither_the_dot_nor_the_case_of_the_zone_matter(account: World, zone: str) -> None:
    assert texts(account.sweep(*FLEET, zone=zone)) == []


def test_a_wrong_zone_is_found_without_credentials_too(account: World) -> None:
    found = account.sweep(*FLEET, zone="example..org", region="")
    assert len(texts(found)) == 2 and any("'example..org' is no domain name" in text for text in texts(found))


def test_the_agent_is_asked_when_no_file_is_given(account: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert "no ssh agent answers" in texts(account.sweep(*FLEET, private_key_file=""))[0]
    socket = account.folder / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            assert agent.poll() is None
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        assert "the ssh agent holds no key" in texts(account.sweep(*FLEET, private_key_file=""))[0]
        for number, key in enumerate((ed25519.Ed25519PrivateKey.generate(), account.key)):
            path = account.write_key(key, f"agent-key-{number}")
            subprocess.run(["ssh-add", str(path)], check=True, capture_output=True)
            found = texts(account.sweep(*FLEET, private_key_file=""))
            assert (found == []) == (number == 1)
            assert number == 1 or "no key of the ssh agent belongs to key pair lab" in found[0]
    finally:
        agent.terminate()
        agent.wait(10)
