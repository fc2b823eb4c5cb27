"""The account's charged things, rows and sums for the burn rate's tests."""

from datetime import date
from decimal import Decimal
from typing import Any

from ansible_collections.probcomp.stack.plugins.module_utils.aws import prices
from ansible_collections.probcomp.stack.plugins.module_utils.aws.client import AwsClients
from ansible_collections.probcomp.stack.plugins.module_utils.aws.region_state import survey
from ansible_collections.probcomp.stack.plugins.module_utils.costs.burn_rate import Row, bill, find_everything, rows
from ansible_collections.probcomp.stack.plugins.module_utils.costs.resources import Resource, ResourceFinder
from ansible_collections.probcomp.stack.plugins.module_utils.fleet.machines import machines, networks
from botocore.exceptions import ClientError

from tests.support.preflight_world import READING, REGION, World

TODAY = date(2026, 5, 12)


def listed(account: World, **options: Any) -> prices.PriceList:
    return prices.PriceList(lambda: account.client("pricing", ""), REGION, errors=(ClientError,), **options)


def burn(account: World, price_list: prices.PriceList | None = None) -> tuple[list[Row], prices.Bill]:
    """Return rows and sums, found with read-only requests alone."""
    made, total, _ = burn_and_rest(account, price_list)
    return made, total


def burn_and_rest(
    account: World, price_list: prices.PriceList | None = None
) -> tuple[list[Row], prices.Bill, list[Resource]]:
    """Return rows, sums and the resources that are not known to be ours.

    They are found with read-only requests alone.
    """
    account.requests.clear()
    clients = AwsClients(account.client, REGION)
    price_list = price_list or listed(account)
    seen = survey(clients)
    users = machines(clients, seen, "stack.example.org", 443)
    finder = ResourceFinder(clients, price_list)
    found = find_everything(finder, users, networks(seen))
    assert all(READING.match(name) for name in account.requests), account.requests
    made, total = rows(found, users, TODAY), bill(found, price_list)
    added = sum((row.per_hour for row in made), Decimal(0))
    assert round(added, 20) == round(total.per_hour, 20), "rows and total disagree"
    return made, total, finder.not_known


def disk_of(account: World, instance: str) -> dict[str, Any]:
    filters = [{"Name": "attachment.instance-id", "Values": [instance]}]
    volume: dict[str, Any] = account.make("ec2").describe_volumes(Filters=filters)["Volumes"][0]
    return volume


def balancer(account: World, name: str) -> dict[str, Any]:
    subnets = [item["SubnetId"] for item in account.make("ec2").describe_subnets()["Subnets"]][:2]
    made = account.make("elbv2").create_load_balancer(
        Name=name.replace("/", "-"), Subnets=subnets, Tags=[{"Key": "Name", "Value": name}]
    )
    answer: dict[str, Any] = made["LoadBalancers"][0]
    if name.startswith("network/"):
        stack = f"probcomp-{name.replace('/', '-')}"
        account.make_stack(stack)
        account.stack_made_elbv2(answer["LoadBalancerArn"], stack)
    return answer


def interface_of(account: World, made: dict[str, Any]) -> None:
    """Give a load balancer one more public address, as AWS does to scale it up."""
    ec2 = account.make("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    description = f"ELB {made['LoadBalancerArn'].partition(':loadbalancer/')[2]}"
    interface = ec2.create_network_interface(SubnetId=subnet, Description=description)["NetworkInterface"]
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=interface["NetworkInterfaceId"])
