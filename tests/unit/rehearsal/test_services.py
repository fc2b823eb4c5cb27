"""The rehearsal's account: seed, quotas and prices, by boto3 over HTTP."""

import hashlib
import json
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography import x509
from moto.moto_api._internal.models import moto_api_backend
from werkzeug.serving import make_server

from rehearsal.account import pki, seed
from rehearsal.api.accounting import Counts
from rehearsal.api.control import ControlEndpoints
from rehearsal.api.gateway import Gate
from rehearsal.services import service_quotas
from rehearsal.services.pricing import PricingApi
from rehearsal.services.service_quotas import ServiceQuotasApi
from rehearsal.settings import SETTINGS, Settings

Client = Callable[[str], Any]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"), requests_per_second=0)


@pytest.fixture(scope="module")
def installed(settings: Settings) -> Iterator[dict[str, str]]:
    moto_api_backend.reset()
    yield seed.install(settings, settings.account, settings.region)
    moto_api_backend.reset()


@pytest.fixture(scope="module")
def api(settings: Settings, installed: dict[str, str]) -> Iterator[str]:
    counts = Counts()
    control = ControlEndpoints(settings, counts, dict, lambda: None)
    gate = Gate(settings, counts, {"pricing": PricingApi, "service-quotas": ServiceQuotasApi}, control)
    server = make_server("127.0.0.1", 0, gate, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()


@pytest.fixture(scope="module")
def client(settings: Settings, api: str) -> Client:
    def make(service: str) -> Any:
        return boto3.client(
            service,
            region_name=settings.region,
            endpoint_url=api,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            config=Config(retries={"max_attempts": 1}),
        )

    return make


@pytest.fixture(autouse=True)
def no_overrides() -> Iterator[None]:
    yield
    service_quotas.reset()


def test_the_certificate_covers_the_stacks_and_has_our_signature(client: Client, installed: dict[str, str]) -> None:
    arn = installed["certificate_arn"]
    described = client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    assert described["Status"] == "ISSUED"
    assert set(described["SubjectAlternativeNames"]) == {"*.stack.localhost", "stack.localhost"}
    leaf = x509.load_pem_x509_certificate(client("acm").get_certificate(CertificateArn=arn)["Certificate"].encode())
    authority = x509.load_pem_x509_certificate(Path(installed["ca_bundle"]).read_bytes())
    leaf.verify_directly_issued_by(authority)
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days <= 398


def test_a_requested_certificate_stays_pending(client: Client) -> None:
    """A requested certificate stays pending, since nobody answers its validation."""
    arn = client("acm").request_certificate(DomainName="*.other.example", ValidationMethod="DNS")["CertificateArn"]
    assert client("acm").describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "PENDING_VALIDATION"


def test_the_authority_is_kept_and_replaced_when_its_key_does_not_fit(tmp_path: Path) -> None:
    first = pki.authority(tmp_path)
    assert pki.authority(tmp_path).certificate == first.certificate
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "ca.key").write_bytes(pki.issue(first, ["x"]).private_key)
    assert pki.authority(tmp_path).certificate != first.certificate


def test_the_private_key_belongs_to_the_key_pair(client: Client, installed: dict[str, str]) -> None:
    key = Path(installed["private_key_file"])
    assert key.stat().st_mode & 0o777 == 0o600
    derived = subprocess.run(["ssh-keygen", "-y", "-f", str(key)], capture_output=True, text=True, check=True).stdout
    pair = client("ec2").describe_key_pairs(KeyNames=["rehearsal"], IncludePublicKey=True)["KeyPairs"][0]
    assert pair["PublicKey"].split()[:2] == derived.split()[:2]
    assert pair["KeyType"] == "ed25519"


def test_the_zone_is_there(client: Client, installed: dict[str, str]) -> None:
    zones = client("route53").list_hosted_zones()["HostedZones"]
    assert [(zone["Name"], zone["Config"]["PrivateZone"]) for zone in zones] == [("localhost.", False)]


def test_ubuntu_s_parameter_names_an_image_with_its_own_root_device(client: Client, installed: dict[str, str]) -> None:
    name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    image_id = client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    image = client("ec2").describe_images(ImageIds=[image_id])["Images"][0]
    assert (image["Architecture"], image["VirtualizationType"], image["RootDeviceType"]) == ("x86_64", "hvm", "ebs")
    assert image["RootDeviceName"] == image["BlockDeviceMappings"][0]["DeviceName"] == "/dev/sda1"
    assert image["EnaSupport"] is True
    assert image["State"] == "available"
    assert "noble-24.04" in image["Name"]


def test_debian_and_another_architecture_can_be_had(client: Client, installed: dict[str, str]) -> None:
    images = {image["Name"]: image for image in client("ec2").describe_images()["Images"]}
    debian = next(image for name, image in images.items() if name.startswith("debian-12"))
    assert (debian["RootDeviceName"], debian["OwnerId"]) == ("/dev/xvda", "136693071363")
    assert any(image["Architecture"] == "arm64" for image in images.values())
    assert client("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"] == []


@pytest.mark.parametrize(
    ("name", "architecture"),
    [("t3.medium", "x86_64"), ("t2.micro", "x86_64"), ("c5.4xlarge", "x86_64"), ("t4g.small", "arm64")],
)
def test_usual_types_exist_and_are_offered_in_zones(client: Client, name: str, architecture: str) -> None:
    ec2 = client("ec2")
    described = ec2.describe_instance_types(InstanceTypes=[name])["InstanceTypes"][0]
    assert architecture in described["ProcessorInfo"]["SupportedArchitectures"]
    wanted = [{"Name": "instance-type", "Values": [name]}]
    offers = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=wanted)
    assert len(offers["InstanceTypeOfferings"]) >= 2


def test_the_content_is_there_for_who_signs_alone(api: str, installed: dict[str, str], client: Client) -> None:
    place = urllib.parse.urlsplit(installed["content_url"])
    content = client("s3").get_object(Bucket=place.netloc, Key=place.path[1:])["Body"].read()
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == installed["content_checksum"]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{api}/{place.netloc}{place.path}")


def test_a_quota_is_told_as_applied_and_as_default(client: Client) -> None:
    api = client("service-quotas")
    quota = api.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]
    assert (quota["Value"], quota["Adjustable"]) == (SETTINGS.vcpu_quota, True)
    assert quota["QuotaArn"] == "arn:aws:servicequotas:us-east-1:123456789012:ec2/L-1216C47A"
    assert api.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]["Value"] == 5


def test_a_test_can_make_a_quota_too_small(client: Client) -> None:
    service_quotas.override("elasticloadbalancing", "L-7EED9B64", 3)
    api, service = client("service-quotas"), "elasticloadbalancing"
    codes = ("L-7EED9B64", "L-53DA6B97")
    values = [api.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"] for code in codes]
    assert values == [3, 50]
    with pytest.raises(KeyError):
        service_quotas.override("ec2", "L-00000000", 1)


@pytest.mark.parametrize(
    "asked", [{"ServiceCode": "ec2", "QuotaCode": "L-00000000"}, {"ServiceCode": "x", "QuotaCode": "L-1"}]
)
def test_an_unknown_quota_is_an_error(client: Client, asked: dict[str, str]) -> None:
    with pytest.raises(ClientError) as error:
        client("service-quotas").get_service_quota(**asked)
    assert error.value.response["Error"]["Code"] == "NoSuchResourceException"


def prices(client: Client, service: str, **wanted: str) -> list[tuple[str, str, float]]:
    """Return usage type, unit and dollars of the products that match."""
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    found = []
    for page in client("pricing").get_paginator("get_products").paginate(ServiceCode=service, Filters=filters):
        for text in page["PriceList"]:
            product = json.loads(text)
            for term in product["terms"]["OnDemand"].values():
                for dimension in term["priceDimensions"].values():
                    usage = product["product"]["attributes"]["usagetype"]
                    found.append((usage, dimension["unit"], float(dimension["pricePerUnit"]["USD"])))
    return found


def test_a_machine_has_one_price_when_asked_for_the_right_way(client: Client) -> None:
    common = {"instanceType": "t3.medium", "regionCode": "us-east-1", "operatingSystem": "Linux", "tenancy": "Shared"}
    assert len(prices(client, "AmazonEC2", **common)) > 1
    exact = prices(client, "AmazonEC2", **common, preInstalledSw="NA", capacitystatus="Used")
    assert exact == [("BoxUsage:t3.medium", "Hrs", 0.0416)]
    assert prices(client, "AmazonEC2", instanceType="t3.medium", location="US East (N. Virginia)") != []


@pytest.mark.parametrize(
    ("service", "wanted", "price"),
    [
        ("AmazonEC2", {"productFamily": "Storage", "volumeApiName": "gp3"}, ("EBS:VolumeUsage.gp3", "GB-Mo", 0.08)),
        ("AmazonEC2", {"usagetype": "EBS:SnapshotUsage"}, ("EBS:SnapshotUsage", "GB-Mo", 0.05)),
        ("AmazonVPC", {"usagetype": "USE1-PublicIPv4:InUseAddress"}, ("USE1-PublicIPv4:InUseAddress", "Hrs", 0.005)),
        ("AWSELB", {"usagetype": "LoadBalancerUsage"}, ("LoadBalancerUsage", "Hrs", 0.0225)),
        ("AWSELB", {"usagetype": "LCUUsage"}, ("LCUUsage", "LCU-Hrs", 0.008)),
    ],
)
def test_everything_else_that_costs_has_its_price(
    client: Client, service: str, wanted: dict[str, str], price: tuple[str, str, float]
) -> None:
    assert prices(client, service, **wanted) == [price]


def test_an_unknown_type_has_no_price_and_an_unknown_service_is_an_error(client: Client) -> None:
    assert prices(client, "AmazonEC2", instanceType="t3.enormous") == []
    with pytest.raises(ClientError) as error:
        prices(client, "AmazonNothing")
    assert error.value.response["Error"]["Code"] == "NotFoundException"
