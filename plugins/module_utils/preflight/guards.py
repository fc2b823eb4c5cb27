"""Read the account's guards that make machines unreachable or images unusable."""

from __future__ import annotations

from collections.abc import Iterable

from ..aws.client import AwsClients
from ..aws.region_state import Survey
from ..common.names import network_stack_name
from ..output.host_summary import people
from .findings import Findings


def check_public_access(findings: Findings, clients: AwsClients, seen: Survey, networks: Iterable[str]) -> None:
    """Report networks that VPC Block Public Access closes to the Internet.

    https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa.html
    """
    with findings.looking("VPC Block Public Access"):
        options = clients.read("ec2", "describe_vpc_block_public_access_options")["VpcBlockPublicAccessOptions"]
        mode = options.get("InternetGatewayBlockMode", "off")
        if mode == "off":
            return
        excluded = _excluded(clients)
        closed = [name for name in networks if not _is_excluded(seen, name, excluded)]
        if closed:
            findings.problem(
                f"VPC Block Public Access is {mode} in {clients.region}: nobody would reach machines in the network "
                f"{people(closed)}",
                "turn it off, or have whoever looks after the account do so",
            )


def allowed_images(findings: Findings, clients: AwsClients) -> str:
    """Return the state of Allowed AMIs: enabled, audit-mode, disabled, or "".

    It is "" when unknown. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-allowed-amis.html
    """
    with findings.looking("Allowed AMIs"):
        return str(clients.read("ec2", "get_allowed_images_settings").get("State", ""))
    return ""


def _excluded(clients: AwsClients) -> set[str]:
    """Return the ids of the VPCs and subnets that are open in spite of the block."""
    # boto3 has no paginator for it; a region has at most 50.
    answer = clients.read("ec2", "describe_vpc_block_public_access_exclusions")
    return {
        item["ResourceArn"].rpartition("/")[2]
        for item in answer["VpcBlockPublicAccessExclusions"]
        if item["InternetGatewayExclusionMode"] == "allow-bidirectional"
        and item["State"] in ("create-complete", "update-complete")
    }


def _is_excluded(seen: Survey, network: str, excluded: set[str]) -> bool:
    outputs = seen.outputs(network_stack_name(network)) if seen.has_network(network) else {}
    subnets = {outputs.get("SubnetAId", ""), outputs.get("SubnetBId", "")}
    return outputs.get("VpcId", "") in excluded or subnets <= excluded
