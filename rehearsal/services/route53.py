"""Imitate changes in Route 53: atomic batches, exact deletes and a PENDING time.

Replaces moto's handling of ChangeResourceRecordSets and GetChange. Runs under the rehearsal's lock.
"""

import secrets
import string
import time
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.route53.models import FakeZone, RecordSet
from moto.route53.responses import Route53

from rehearsal.api.errors import AwsError
from rehearsal.settings import SETTINGS

RECORD_LIMIT = 1000
"""Maximum number of values in one batch; each of an UPSERT counts twice."""


@dataclass(frozen=True)
class _Change:
    id: str
    zone_id: str
    submitted: Any
    in_sync_at: float

    @property
    def info(self) -> dict[str, Any]:
        status = "INSYNC" if time.monotonic() >= self.in_sync_at else "PENDING"
        return {"Id": f"/change/{self.id}", "Status": status, "SubmittedAt": self.submitted}


_changes: dict[str, _Change] = {}


def install() -> None:
    """Replace moto's actions with those of this module."""
    Route53.change_resource_record_sets = _change_resource_record_sets
    Route53.get_change = _get_change


def _change_resource_record_sets(self: Route53) -> ActionResult:
    zone: FakeZone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
    batch = self._get_param("ChangeBatch.Changes")
    if any(change.zone_id == zone.resource_id and change.info["Status"] == "PENDING" for change in _changes.values()):
        message = "The request was rejected because Route 53 was still processing a prior request."
        raise AwsError("PriorRequestNotComplete", message)
    # The zone gets its new records only if the whole batch is valid.
    zone.rrsets = _changed(zone, batch)
    identifier = "C" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(20))
    change = _Change(identifier, zone.resource_id, utcnow(), time.monotonic() + SETTINGS.record_delay)
    _changes[identifier] = change
    return ActionResult({"ChangeInfo": change.info})


def _get_change(self: Route53) -> ActionResult:
    identifier = self._get_param("Id").rpartition("/")[2]
    if identifier not in _changes:
        raise AwsError("NoSuchChange", f"A change with id {identifier} was not found.")
    return ActionResult({"ChangeInfo": _changes[identifier].info})


def _changed(zone: FakeZone, batch: list[dict[str, Any]]) -> list[RecordSet]:
    """Return the zone's records after the batch.

    Raises InvalidChangeBatch with every error in it.
    """
    records = {_key(record.name, record.type or ""): record for record in zone.rrsets}
    faults: list[str] = []
    values = 0
    for change in batch:
        action, wanted = change["Action"], change["ResourceRecordSet"]
        name, kind = _full(wanted["Name"]), wanted["Type"]
        values += len(wanted.get("ResourceRecords") or []) * (2 if action == "UPSERT" else 1)
        present = records.get((name, kind))
        what = f"resource record set [name='{name}', type='{kind}']"
        if not (name == zone.name or name.endswith(f".{zone.name}")):
            faults.append(f"RRSet with DNS name {name} is not permitted in zone {zone.name}")
        elif not _is_complete(wanted):
            faults.append(
                f"Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
                f"TrafficPolicyInstanceId], in Change with [Action={action}, Name={name}, Type={kind}]"
            )
        elif action == "CREATE" and present:
            faults.append(f"Tried to create {what} but it already exists")
        elif action == "DELETE" and not present:
            faults.append(f"Tried to delete {what} but it was not found")
        elif action == "DELETE" and present and _content(present) != _content(record(wanted)):
            faults.append(f"Tried to delete {what} but the values provided do not match the current values")
        elif kind in ("NS", "SOA") and name == zone.name and action == "DELETE":
            faults.append(f"A HostedZone must contain at least one NS record and exactly one SOA record: {what}")
        elif action == "DELETE":
            del records[(name, kind)]
        else:
            records[(name, kind)] = record(wanted)
    if values > RECORD_LIMIT:
        faults.append(f"Number of records limit of {RECORD_LIMIT} exceeded.")
    if faults:
        raise AwsError("InvalidChangeBatch", f"[{', '.join(faults)}]")
    return list(records.values())


def _is_complete(wanted: dict[str, Any]) -> bool:
    plain = wanted.get("TTL") is not None and bool(wanted.get("ResourceRecords"))
    partly_plain = wanted.get("TTL") is not None or bool(wanted.get("ResourceRecords"))
    return not partly_plain if wanted.get("AliasTarget") else plain


def record(wanted: dict[str, Any]) -> RecordSet:
    """Return the record of a ResourceRecordSet of the API."""
    values = [item["Value"] for item in wanted.get("ResourceRecords") or []]
    # mypy takes RecordSet for abstract because of methods that only CloudFormation calls.
    return RecordSet({**wanted, "Name": _full(wanted["Name"]), "ResourceRecords": values})  # type: ignore[abstract]


def _content(record: RecordSet) -> tuple[Any, ...]:
    alias = record.alias_target
    target = alias and (alias["HostedZoneId"], _full(alias["DNSName"]), _is_true(alias.get("EvaluateTargetHealth")))
    return (str(record.ttl), tuple(sorted(record.records or ())), target)


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


def _key(name: str, kind: str) -> tuple[str, str]:
    return _full(name), kind


def _full(name: str) -> str:
    """Return the name as Route 53 stores it: lower case, with the final dot."""
    return name.lower().rstrip(".") + "."
