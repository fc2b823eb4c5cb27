"""Compare wanted DNS records with a Route 53 zone and submit the changes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..common.names import absolute_name
from ..progress.reporter import Progress
from .errors import Clock, error_code, retry_transient

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it.
    from botocore.exceptions import ClientError

RecordSet = dict[str, Any]
Change = dict[str, Any]

# Route 53's limits for one request; an upsert counts twice.
_ELEMENTS_PER_BATCH = 1000
_CHARACTERS_PER_BATCH = 32000


class RecordsError(Exception):
    """A problem of the zone or its records that the user must fix; str() is one line."""


def wanted_set(record: dict[str, Any]) -> RecordSet:
    """Return the module's option `record` as Route 53's ResourceRecordSet."""
    result: RecordSet = {"Name": absolute_name(record["name"]), "Type": record["type"]}
    if alias := record.get("alias"):
        result["AliasTarget"] = {
            "HostedZoneId": alias["zone_id"],
            "DNSName": absolute_name(alias["dns_name"]),
            "EvaluateTargetHealth": False,
        }
    else:
        result["TTL"] = record["ttl"]
        result["ResourceRecords"] = [{"Value": value} for value in record["values"]]
    return result


def is_same(one: RecordSet, other: RecordSet) -> bool:
    """Return whether two record sets of one name and type are equivalent."""
    return _essence(one) == _essence(other)


def as_line(record: RecordSet) -> str:
    """Return a record set as one line for a diff."""
    if alias := record.get("AliasTarget"):
        return f"{record['Name']} {record['Type']} ALIAS {alias['DNSName']}"
    values = " ".join(sorted(item["Value"] for item in record.get("ResourceRecords", [])))
    return f"{record['Name']} {record['Type']} {record.get('TTL', '')} {values}"


@dataclass
class Zone:
    """A public hosted zone."""

    client: Any
    zone_id: str
    clock: Clock

    def records(self) -> dict[tuple[str, str], list[RecordSet]]:
        """Return all record sets by name and type.

        Several sets of one name and type have a routing policy.
        """
        paginator = self.client.get_paginator("list_resource_record_sets")
        pages = retry_transient(lambda: list(paginator.paginate(HostedZoneId=self.zone_id)), clock=self.clock)
        found: dict[tuple[str, str], list[RecordSet]] = {}
        for page in pages:
            for record in page["ResourceRecordSets"]:
                # Route 53 returns an asterisk as an octal escape.
                key = (absolute_name(record["Name"]).replace("\\052", "*"), record["Type"])
                found.setdefault(key, []).append(record)
        return found

    def change(self, changes: list[Change]) -> list[str]:
        """Submit the changes in as few requests as possible and return their ids."""
        return [self._submit(batch) for batch in batches(changes)]

    def wait(self, change_ids: list[str], timeout: float) -> bool:
        """Wait until all name servers have the changes; return False after `timeout` s."""
        end = self.clock.now() + timeout
        progress = Progress("records")
        for change_id in change_ids:
            while (
                retry_transient(partial(self.client.get_change, Id=change_id), clock=self.clock)["ChangeInfo"]["Status"]
                != "INSYNC"
            ):
                if self.clock.now() > end:
                    return False
                progress.report_state("not yet on all name servers")
                self.clock.sleep(3.0)
        return True

    def _submit(self, batch: list[Change]) -> str:
        answer = retry_transient(
            lambda: self.client.change_resource_record_sets(HostedZoneId=self.zone_id, ChangeBatch={"Changes": batch}),
            clock=self.clock,
        )
        return str(answer["ChangeInfo"]["Id"])


def find_zone(client: Any, name: str, clock: Clock) -> Zone:
    """Return the public hosted zone `name`, in any case, with or without trailing dot.

    Raises RecordsError unless there is exactly one.
    """
    wanted = absolute_name(name)
    answer = retry_transient(lambda: client.list_hosted_zones_by_name(DNSName=wanted), clock=clock)
    found = [
        zone
        for zone in answer["HostedZones"]
        if absolute_name(zone["Name"]) == wanted and not zone.get("Config", {}).get("PrivateZone")
    ]
    if not found:
        raise RecordsError(f"no public hosted zone {name} in this account: check `zone`, and the credentials")
    if len(found) > 1:
        ids = ", ".join(zone["Id"].removeprefix("/hostedzone/") for zone in found)
        raise RecordsError(
            f"{len(found)} public hosted zones are named {name} ({ids}): delete those that are not in use"
        )
    return Zone(client, found[0]["Id"], clock)


def plan(wanted: list[RecordSet], existing: dict[tuple[str, str], list[RecordSet]], present: bool) -> list[Change]:
    """Return the changes that make the `wanted` records present or absent.

    Absent records are compared by name and type only, and deleted with the values that were read.
    """
    changes = []
    for record in wanted:
        found = existing.get((record["Name"], record["Type"]), [])
        if any("SetIdentifier" in other for other in found):
            raise RecordsError(f"{record['Name']} {record['Type']} has a routing policy, which is none of our records")
        if present and not (found and is_same(found[0], record)):
            changes.append({"Action": "UPSERT", "ResourceRecordSet": record})
        elif not present and found:
            changes.append({"Action": "DELETE", "ResourceRecordSet": found[0]})
    return changes


def batches(changes: list[Change]) -> Iterator[list[Change]]:
    """Split `changes` into as few requests as Route 53's limits allow."""
    batch: list[Change] = []
    elements = characters = 0
    for change in changes:
        times = 2 if change["Action"] == "UPSERT" else 1
        values = [item["Value"] for item in change["ResourceRecordSet"].get("ResourceRecords", [])]
        more_elements = times * max(1, len(values))
        more_characters = times * sum(map(len, values))
        if batch and (
            elements + more_elements > _ELEMENTS_PER_BATCH or characters + more_characters > _CHARACTERS_PER_BATCH
        ):
            yield batch
            batch, elements, characters = [], 0, 0
        batch.append(change)
        elements += more_elements
        characters += more_characters
    if batch:
        yield batch


def is_outdated(error: BaseException) -> bool:
    """Return whether a batch was refused because records changed since they were read."""
    return isinstance(error, ClientError) and error_code(error) == "InvalidChangeBatch"


def _essence(record: RecordSet) -> tuple[Any, ...]:
    if alias := record.get("AliasTarget"):
        return (
            "alias",
            alias["HostedZoneId"],
            absolute_name(alias["DNSName"]),
            bool(alias.get("EvaluateTargetHealth")),
        )
    values = [item["Value"] for item in record.get("ResourceRecords", [])]
    if record["Type"] in ("CNAME", "NS", "PTR"):
        values = [absolute_name(value) for value in values]
    return ("values", record.get("TTL"), tuple(sorted(values)))
