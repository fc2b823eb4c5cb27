"""Preflight of a sound account with one obstacle.

The obstacle keeps machines from being reached, launched or named while they are needed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from moto.ec2 import ec2_backends

from tests.support.preflight_world import ACCOUNT, REGION, World, machine, world

DENIED = b"""<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform this
operation.</Message></Error></Errors><RequestID>1</RequestID></Response>"""
FLEET = (machine("ws-1", fleet="ws"), machine("ws-2", fleet="ws"))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[World]:
    """Provide an account in which nothing is wrong."""
    with world(tmp_path) as made:
        yield made


@contextmanager
def address_service(answer: bytes) -> Iterator[str]:
    """Serve an answer like that of checkip.amazonaws.com."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Log no single request."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def denied(account: World, operation: str) -> Iterator[None]:
    """Deny the credentials a right of EC2, as AWS does."""

    class Body(BytesIO):
        def stream(self, **_: Any) -> Iterator[bytes]:
            yield self.read()

    def refuse(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, 403, {}, Body(DENIED))

    events = account.client("ec2", REGION).meta.events
    events.register_first(f"before-send.ec2.{operation}", refuse)
    try:
        yield
    finally:
        events.unregister(f"before-send.ec2.{operation}", refuse)


def texts(found: dict[str, Any]) -> list[str]:
    return [problem["text"] for problem in found["problems"]]


def noted(found: dict[str, Any], words: str) -> bool:
    return any(words in note for note in found["notes"])


@pytest.mark.parametrize("cidrs", ["203.0.113.7/32", ["192.0.2.0/24", "203.0.113.0/24"]])
def test_an_administrator_inside_admin_cidr_is_admitted(account: World, cidrs: Any) -> None:
    with address_service(b"203.0.113.7\n") as service:
        found = account.sweep(*FLEET, admin_cidr=cidrs, address_service=service)
    assert texts(found) == [] and not noted(found, "address_service")


def test_an_administrator_outside_of_admin_cidr_is_told_before_anything_is_made(account: World) -> None:
    with address_service(b"198.51.100.9\n") as service:
        (text,) = texts(account.sweep(*FLEET, address_service=service))
        assert "admin_cidr 203.0.113.7/32 does not admit 198.51.100.9" in text and "add 198.51.100.9/32" in text
        assert texts(account.sweep(*FLEET, address_service="")) == [], "the setting turns it off"


@pytest.mark.parametrize("answer", [b"<html>log in to the hotel's network</html>", b"", b"2001:db8::1", b"\xff" * 999])
def test_an_answer_that_is_no_address_is_a_note(account: World, answer: bytes) -> None:
    with address_service(answer) as service:
        found = account.sweep(*FLEET, address_service=service)
    assert texts(found) == [] and noted(found, "(its answer is no IPv4 address): whether admin_cidr admits it")


@pytest.mark.parametrize("service", ["http://127.0.0.1:9/", "file:///etc/hostname", "nonsense"])
def test_no_answer_is_a_note(account: World, service: str) -> None:
    found = account.sweep(*FLEET, address_service=service)
    assert texts(found) == [] and noted(found, f"address_service {service} does not tell")


@pytest.mark.parametrize("mode", ["block-bidirectional", "block-ingress"])
def test_a_region_whose_vpcs_are_closed_is_a_problem(account: World, mode: str) -> None:
    account.make("ec2").modify_vpc_block_public_access_options(InternetGatewayBlockMode=mode)
    (text,) = texts(account.sweep(*FLEET))
    assert f"VPC Block Public Access is {mode} in {REGION}: nobody would reach machines in the network shared" in text
    outputs = {"VpcId": "vpc-1", "SubnetAZone": f"{REGION}a", "SubnetBZone": f"{REGION}b"}
    account.make_stack("probcomp-network-own", outputs=outputs)
    own = machine("alice", network="own")
    assert any("in the network own: turn it off" in text for text in texts(account.sweep(own)))
    account.make("ec2").create_vpc_block_public_access_exclusion(
        VpcId="vpc-1", InternetGatewayExclusionMode="allow-bidirectional"
    )
    assert not any("Public Access" in text for text in texts(account.sweep(own)))


BOTH_WAYS, DONE = "allow-bidirectional", "create-complete"


@pytest.mark.parametrize(
    ("excluded", "mode", "state", "is_open"),
    [
        ("subnet-a subnet-b", BOTH_WAYS, DONE, True),
        ("subnet-a", BOTH_WAYS, DONE, False),
        ("subnet-a subnet-b", "allow-egress", DONE, False),
        ("subnet-a subnet-b", BOTH_WAYS, "delete-complete", False),
    ],
)
def test_subnets_that_are_open_in_spite_of_the_block(
    account: World, excluded: str, mode: str, state: str, is_open: bool
) -> None:
    ec2 = account.make("ec2")
    ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="block-bidirectional")
    outputs = {"VpcId": "vpc-1", "SubnetAId": "subnet-a", "SubnetBId": "subnet-b"}
    outputs |= {"SubnetAZone": f"{REGION}a", "SubnetBZone": f"{REGION}b"}
    account.make_stack("probcomp-network-own", outputs=outputs)
    for subnet in excluded.split():
        ec2.create_vpc_block_public_access_exclusion(SubnetId=subnet, InternetGatewayExclusionMode=mode)
    # A deleted exclusion is listed for some time.
    for made in vars(ec2_backends[ACCOUNT][REGION])["public_access"]["Exclusions"]:
        made["State"] = state
    closed = [text for text in texts(account.sweep(machine("alice", network="own"))) if "Public Access" in text]
    assert (closed == []) == is_open


@pytest.mark.parametrize(
    ("operation", "subject"),
    [
        ("DescribeVpcBlockPublicAccessOptions", "VPC Block Public Access cannot be looked at"),
        ("GetAllowedImagesSettings", "Allowed AMIs cannot be looked at"),
    ],
)
def test_a_right_that_is_missing_is_a_note(account: World, operation: str, subject: str) -> None:
    with denied(account, operation):
        found = account.sweep(*FLEET)
    assert texts(found) == [] and noted(found, subject), found["notes"]


def test_an_image_that_the_account_does_not_allow_is_a_problem(account: World) -> None:
    ec2, image = account.make("ec2"), account.images["x86_64"]
    ec2_backends[ACCOUNT][REGION].amis[image].owner_id = "099720109477"
    ec2.enable_allowed_images_settings(AllowedImagesSettingsState="audit-mode")
    found = account.sweep(*FLEET)
    assert texts(found) == [] and noted(found, f"risk: image {image} would be refused")
    ec2.enable_allowed_images_settings(AllowedImagesSettingsState="enabled")
    (text,) = texts(account.sweep(*FLEET))
    assert text.startswith("ws-1, ws-2: ") and "or Allowed AMIs, which is enabled, hides it" in text
    ec2.replace_image_criteria_in_allowed_images_settings(ImageCriteria=[{"ImageProviders": ["099720109477"]}])
    found = account.sweep(*FLEET)
    assert texts(found) == [] and not noted(found, "Allowed AMIs")


def test_a_deprecated_image_is_a_note_and_one_that_is_gone_a_problem(account: World) -> None:
    backend, image = ec2_backends[ACCOUNT][REGION], account.images["x86_64"]
    vars(backend.amis[image])["deprecation_time"] = "2124-05-01T00:00:00.000Z"
    assert not noted(account.sweep(*FLEET), "deprecated")
    vars(backend.amis[image])["deprecation_time"] = "2024-05-01T00:00:00.000Z"
    found = account.sweep(*FLEET)
    assert texts(found) == [] and noted(found, f"risk: image {image} is deprecated since 2024-05-01")
    del backend.amis[image]
    assert [text for text in texts(account.sweep(*FLEET)) if f"there is no image '{image}'" in text]


def certificate(account: World, days: int, **fields: Any) -> str:
    """Make a certificate that ends in so many days."""
    key, name, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=days))
    return account.make_certificate("*.stack.example.org", _cert=builder.sign(key, hashes.SHA256()), **fields)


@pytest.mark.parametrize(
    ("kind", "days", "lasts", "is_noted"),
    [
        ("IMPORTED", 20, None, True),
        ("IMPORTED", 40, None, False),
        ("IMPORTED", 40, 60, True),
        ("IMPORTED", 20, 10, False),
        ("AMAZON_ISSUED", 40, 60, False),
        ("AMAZON_ISSUED", 20, 60, True),
    ],
)
def test_a_certificate_that_ends_in_the_machines_time_is_a_note(
    account: World, kind: str, days: int, lasts: int | None, is_noted: bool
) -> None:
    arn = certificate(account, days, type=kind)
    expires = (datetime.now(UTC) + timedelta(days=lasts)).date().isoformat() if lasts else ""
    found = account.sweep(machine("ws-1", expires=expires), certificate_arn=arn)
    assert texts(found) == [] and noted(found, f"risk: the certificate {arn} ends on") == is_noted
