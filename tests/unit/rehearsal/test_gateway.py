"""The gateway of the rehearsal's API.

The tests check what it forwards, whom it admits, what it counts, and its injected faults.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.support.rehearsal_process import Server, running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gate")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with running(home, requests_per_second=0, record_delay=0) as started:
        yield started


@pytest.fixture(autouse=True)
def no_faults(server: Server) -> Iterator[None]:
    yield
    if server.process.poll() is None:
        server.control("DELETE", "faults")


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


@pytest.mark.parametrize(
    ("service", "call", "arguments"),
    [
        ("dynamodb", "list_tables", {}),
        ("iam", "list_users", {}),
        ("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/16"}),
        ("elbv2", "create_load_balancer", {"Name": "x"}),
        ("cloudformation", "create_stack_set", {"StackSetName": "x"}),
        ("cloudformation", "cancel_update_stack", {"StackName": "x"}),
        ("cloudformation", "get_template_summary", {"StackName": "x"}),
        ("pricing", "describe_services", {}),
        ("ec2", "describe_fpga_images", {}),
        ("cloudformation", "continue_update_rollback", {"StackName": "x"}),
        ("cloudformation", "cancel_update_stack", {"StackName": "x"}),
        # moto would say no more than 404 to this one, and list the bucket's objects for the other.
        ("route53", "list_traffic_policies", {}),
        ("s3", "get_bucket_request_payment", {"Bucket": "x"}),
    ],
)
def test_what_is_not_carried_is_refused_once(
    server: Server, service: str, call: str, arguments: dict[str, object]
) -> None:
    before = server.counts()["mark"]
    with pytest.raises(ClientError) as error:
        getattr(server.client(service, attempts=5), call)(**arguments)
    assert code_of(error) == "NotCarriedByRehearsal"
    assert server.counts()["mark"] == before + 1


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_instances", "AuthFailure"),
        ("cloudformation", "describe_stacks", "InvalidClientTokenId"),
        ("route53", "list_hosted_zones", "InvalidClientTokenId"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("acm", "list_certificates", "UnrecognizedClientException"),
    ],
)
def test_other_credentials_are_unknown(server: Server, service: str, call: str, code: str) -> None:
    with pytest.raises(ClientError) as error:
        getattr(server.client(service, key="AKIAREALACCOUNT00000"), call)()
    assert code_of(error) == code


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_instances", "AuthFailure"),
        ("cloudformation", "describe_stacks", "SignatureDoesNotMatch"),
        ("route53", "list_hosted_zones", "SignatureDoesNotMatch"),
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
        ("acm", "list_certificates", "InvalidSignatureException"),
    ],
)
def test_a_wrong_secret_is_refused(server: Server, service: str, call: str, code: str) -> None:
    with pytest.raises(ClientError) as error:
        getattr(server.client(service, secret="wrong"), call)()
    assert code_of(error) == code


def test_unsigned_calls_are_refused(server: Server) -> None:
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "", {"data": {"Action": "DescribeInstances", "Version": "2016-11-15"}}),
        ("GET", "", {}),
        ("PUT", "bucket-of-nobody", {}),
        # The target names another action than the path and method do.
        ("DELETE", "bucket/key", {"headers": {"X-Amz-Target": "S3.GetObject"}}),
        ("GET", "rehearsal/status", {}),
        ("POST", "rehearsal/shutdown", {}),
        ("GET", "rehearsal/status", {"auth": (server.key[0], "wrong")}),
    ]
    for method, path, options in calls:
        response = requests.request(method, f"{server.api}/{path}", timeout=10, **options)
        assert response.status_code in (400, 401, 403), (method, path, response.text)
        assert server.key[1] not in response.text


def test_a_signature_covers_body_and_query(server: Server) -> None:
    def changed(request: Any, **_: Any) -> None:
        request.data = request.body = b"Action=DescribeVpcs&Version=2016-11-15&MaxResults=5"

    ec2 = server.client("ec2")
    ec2.meta.events.register("before-send.ec2", changed)
    with pytest.raises(ClientError) as error:
        ec2.describe_instances()
    assert code_of(error) == "AuthFailure"


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://127.0.0.1:1"}, {"Origin": "null"}])
@pytest.mark.parametrize("place", ["api", "object_store"])
def test_web_pages_are_refused(server: Server, headers: dict[str, str], place: str) -> None:
    url = f"{server.described[place]}/rehearsal/status"
    assert requests.get(url, auth=server.key, headers=headers, timeout=10).status_code == 403
    assert requests.get(server.api + "/rehearsal/status", auth=server.key, timeout=10).ok


def test_files_with_the_key_are_private(server: Server, home: Path) -> None:
    holders = [path for path in home.rglob("*") if path.is_file() and server.key[1] in path.read_text(errors="replace")]
    assert {path.name for path in holders} == {"rehearsal.json", "aws_config"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders)


def test_requests_are_counted_by_name_and_kind(server: Server) -> None:
    ec2 = server.client("ec2")
    server.control("POST", "counts/reset")
    ec2.describe_vpcs()
    ec2.describe_vpcs()
    mark = server.counts()["mark"]
    group_id = ec2.create_security_group(GroupName="counted", Description="alice's", VpcId=vpc_of(ec2))["GroupId"]
    ec2.delete_security_group(GroupId=group_id)
    counts = server.counts()
    assert counts["read"] == {"ec2:DescribeVpcs": 3}
    assert counts["mutating"] == {"ec2:CreateSecurityGroup": 1, "ec2:DeleteSecurityGroup": 1}
    calls = server.control("GET", f"calls?since={mark}")
    assert [call["call"] for call in calls] == ["ec2:CreateSecurityGroup", "ec2:DeleteSecurityGroup"]
    assert "alice's" in calls[0]["subject"]
    assert group_id in calls[1]["subject"]


def vpc_of(ec2: object) -> str:
    return str(ec2.describe_vpcs()["Vpcs"][0]["VpcId"])  # type: ignore[attr-defined]


def test_a_dry_run_counts_as_a_read(server: Server) -> None:
    server.control("POST", "counts/reset")
    with pytest.raises(ClientError, match="DryRunOperation"):
        server.client("ec2").stop_instances(InstanceIds=["i-0123456789abcdef0"], DryRun=True)
    assert server.counts()["changes"] == 0


def test_private_keys_are_not_in_the_log_of_calls(server: Server) -> None:
    mark = server.counts()["mark"]
    with pytest.raises(ClientError):
        server.client("acm").import_certificate(Certificate=b"x", PrivateKey=b"canary-of-a-key")
    assert "canary" not in str(server.control("GET", f"calls?since={mark}"))


def test_a_fault_hits_as_often_as_it_is_told_to(server: Server) -> None:
    ec2 = server.client("ec2")
    server.control(
        "POST",
        "faults",
        {"service": "ec2", "action": "DescribeVpcs", "code": "ExpiredToken", "status": 403, "times": 2},
    )
    for _ in range(2):
        with pytest.raises(ClientError) as error:
            ec2.describe_vpcs()
        assert code_of(error) == "ExpiredToken"
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    ec2.describe_vpcs()


def test_a_fault_may_wait_and_may_look_at_the_request(server: Server) -> None:
    ec2 = server.client("ec2")
    server.control("POST", "faults", {"match": "vpc-wanted", "skip": 1, "code": "InternalError"})
    ec2.describe_vpcs()
    for code in ("InvalidVpcID.NotFound", "InternalError"):
        with pytest.raises(ClientError) as error:
            ec2.describe_vpcs(VpcIds=["vpc-wanted"])
        assert code_of(error) == code


def test_a_rate_of_faults_is_the_same_every_time(server: Server) -> None:
    ec2 = server.client("ec2")

    def failures() -> list[int]:
        server.control("POST", "faults", {"action": "DescribeVpcs", "rate": 0.3, "seed": 7})
        hit = []
        for number in range(30):
            try:
                ec2.describe_vpcs()
            except ClientError:
                hit.append(number)
        server.control("DELETE", "faults")
        return hit

    first = failures()
    assert 3 <= len(first) <= 16
    assert failures() == first


def test_a_dropped_call_has_no_effect_unless_told_so(server: Server) -> None:
    ec2 = server.client("ec2")
    for name, after in (("lost", False), ("done", True)):
        server.control("POST", "faults", {"action": "CreateSecurityGroup", "drop": True, "after": after, "times": 1})
        with pytest.raises(ConnectionClosedError):
            ec2.create_security_group(GroupName=name, Description="x", VpcId=vpc_of(ec2))
    names = {group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]}
    assert "done" in names
    assert "lost" not in names


@pytest.mark.parametrize("wrong", [{"colour": "red"}, {"rate": 2.0}, {"kind": "moon"}, {"times": "two"}])
def test_a_fault_that_makes_no_sense_is_refused_in_one_line(server: Server, wrong: dict[str, Any]) -> None:
    response = requests.post(f"{server.api}/rehearsal/faults", json=wrong, auth=server.key, timeout=10)
    assert response.status_code == 400
    assert "\n" not in response.json()["error"]


def test_a_shutdown_request_ends_the_process(server: Server) -> None:
    # This is the last test of the file: the server answers no request after it.
    server.control("POST", "shutdown")
    assert server.process.wait(20) == 0
