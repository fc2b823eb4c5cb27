"""AWS resources with owner and price, found by stack and by Name tag.

Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..aws import prices
from ..aws.client import AwsClients, parts, tags_of
from ..aws.ownership import STACK_NAME_TAG, by_stack

Item = dict[str, Any]
"""A resource as AWS describes it."""


@dataclass(frozen=True)
class Resource:
    """A resource of `owner`; `per_hour` in dollars is 0 when free, None when unknown.

    `item` is its price item, billed `count` times (GiB for disks).
    """

    owner: str
    kind: str
    id: str
    per_hour: Decimal | None = Decimal(0)
    item: prices.Item | None = None
    count: int = 1
    has_stranger: bool = False
    """Whether it belongs to others.

    It is of their instance, or they put it into a network of ours.
    """

    @property
    def per_day(self) -> str | None:
        """Dollars per day as a string, None when the price is unknown."""
        return None if self.per_hour is None else prices.dollars(self.per_hour * 24)

    @property
    def text(self) -> str:
        """The resource in one line."""
        cost = f"${self.per_day} per day" if self.per_hour else "free"
        if self.per_hour is None:
            cost = "price unknown"
        return f"{self.owner}: {self.kind} {self.id} ({cost})"

    def as_data(self) -> dict[str, Any]:
        """Return the resource as plain data."""
        return {"user": self.owner, "kind": self.kind, "id": self.id, "per_day": self.per_day, "text": self.text}


@dataclass
class ResourceFinder:
    """Finder of the resources of given owners."""

    clients: AwsClients
    listed: prices.PriceList
    found: list[Resource] = field(default_factory=list)
    not_known: list[Resource] = field(default_factory=list)
    """Resources with names like ours that may be others'.

    `owner` is the user of the name.
    """
    stack_names: set[str] = field(default_factory=set)
    """Names of all stacks of the region; empty until `stacks` is called."""
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def add(
        self, owner: str, kind: str, identity: str, item: prices.Item | None = None, count: int = 1,
        has_stranger: bool = False,
    ) -> None:  # fmt: skip
        """Add a resource; `item` is its price item, billed `count` times."""
        if (kind, identity) in self._seen:
            return  # A snapshot may be found by name, by volume and by image.
        self._seen.add((kind, identity))
        self.found.append(Resource(owner, kind, identity, self._price(item, count), item, count, has_stranger))

    def add_not_known(
        self, named: str, kind: str, identity: str, item: prices.Item | None = None, count: int = 1,
        has_stranger: bool = False,
    ) -> None:  # fmt: skip
        """Add a resource that is named after the user `named`, and may be anybody's."""
        self.not_known.append(Resource(named, kind, identity, self._price(item, count), item, count, has_stranger))

    def _price(self, item: prices.Item | None, count: int) -> Decimal | None:
        unit = Decimal(0) if item is None else self.listed.per_hour(item)
        return None if unit is None else unit * count

    def stacks(self, names: dict[str, str]) -> None:
        """Add the stacks in `names`, a mapping of stack name to owner."""
        for stack in self.clients.read_all("cloudformation", "describe_stacks", "Stacks"):
            self.stack_names.add(stack["StackName"])
            owner = names.get(stack["StackName"])
            if owner and stack["StackStatus"] != "DELETE_COMPLETE":
                self.add(owner, "stack", f"{stack['StackName']} {stack['StackStatus']}")

    def made(self, operation: str, key: str, stacks: dict[str, str]) -> Iterator[tuple[str, Item]]:
        """Yield the EC2 resources of `stacks` (owner by stack name), each with its owner."""
        for filters in by_stack(stacks):
            for item in self.clients.read_all("ec2", operation, key, Filters=filters):
                yield stacks[tags_of(item)[STACK_NAME_TAG]], item

    def named(self, operation: str, key: str, owners: dict[str, str], **request: Any) -> Iterator[tuple[str, Item]]:
        """Yield EC2 resources by Name tag, each with the owner that the tag names.

        `owners` has each owner by the beginning of its Name tags.
        """
        for filters in name_filters(owners):
            for item in self.clients.read_all("ec2", operation, key, Filters=filters, **request):
                if owner := owner_of(tags_of(item).get("Name", ""), owners):
                    yield owner, item


def owner_of(name: str, owners: dict[str, str]) -> str | None:
    """Return the owner of a Name tag.

    `owners` maps a whole tag, or its beginning up to a slash, to the owner.
    """
    if name in owners:
        return owners[name]
    parts = name.split("/")
    beginnings = ("/".join(parts[:count]) + "/" for count in range(1, len(parts)))
    return next((owners[beginning] for beginning in beginnings if beginning in owners), None)


def name_filters(owners: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    """Yield EC2 filters for Name tags that begin with one of `owners`."""
    for part in parts(owners):
        yield [{"Name": "tag:Name", "Values": [f"{prefix}*" for prefix in part]}]
