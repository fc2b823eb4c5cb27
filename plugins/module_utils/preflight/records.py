"""Check that the names of new machines are free in the hosted zone.

The zone must also answer for them itself.
"""

from __future__ import annotations

from typing import Any

from ..aws.client import AwsClients
from ..aws.load_balancers import SSH, is_our_record, load_balancers
from ..common.names import absolute_name, host_name
from ..output.host_summary import people
from .findings import Findings

_IN_THE_WAY = ("A", "CNAME")
"""Types of records that conflict with a machine's own record.

It would overwrite them, or Route 53 allows no other beside them.
"""


def check_records(findings: Findings, clients: AwsClients, zone: str, users: list[str]) -> None:
    """Report records of others at the names of the machines of `users`.

    `zone` is "" for none.
    """
    if not (zone and users):
        return
    wanted = absolute_name(zone)
    hosts = {absolute_name(host_name(user, zone)): user for user in users}
    with findings.checking(f"the records of hosted zone {wanted}"):
        answer = clients.read("route53", "list_hosted_zones_by_name", DNSName=wanted, MaxItems="100")
        zones = [item["Id"] for item in answer["HostedZones"] if item["Name"] == wanted]
        requests = [{"HostedZoneId": identity} for identity in zones]
        found = [
            record
            for request in requests
            for record in clients.read_all("route53", "list_resource_record_sets", "ResourceRecordSets", **request)
        ]
        _check_parts(findings, wanted, found, hosts)
        records = [
            record
            for record in found
            if absolute_name(record["Name"]).removeprefix(SSH) in hosts and record["Type"] in _IN_THE_WAY
        ]
        balancers = list(load_balancers(clients)) if records else []
        for record in records:
            if not is_our_record(record, balancers):
                name = absolute_name(record["Name"])
                what = f"the record {name} {record['Type']} exists already and is not ours"
                findings.problem(what, "take another user name, or ask whose it is", hosts[name.removeprefix(SSH)])


def _check_parts(findings: Findings, zone: str, records: list[dict[str, Any]], hosts: dict[str, str]) -> None:
    """Report NS records between the zone and its machines' names.

    Resolvers ask the zone for nothing below such a record.
    """
    for record in records:
        name = absolute_name(record["Name"])
        if record["Type"] != "NS" or name == zone:
            continue
        users = [user for host, user in hosts.items() if f".{SSH}{host}".endswith(f".{name}")]
        if users:
            servers = people([item["Value"] for item in record.get("ResourceRecords", [])])
            what = f"the record {name} NS hands names below it to {servers}, so nobody would see the machines' records"
            findings.problem(what, "delete it from the hosted zone, or set zone to a zone of those servers", users)
