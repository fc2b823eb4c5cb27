"""On-demand prices of machines and networks from the AWS price list, and bills.

A price is a Decimal in US dollars, or None when it is unknown; an unknown price is never counted as 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from ..common.files import write_whole

HOURS_PER_MONTH = 730
"""Hours by which AWS divides a monthly price (365 days of 24 hours in 12 parts)."""
PRICE_LIST_REGION = "us-east-1"
"""The Price List API has endpoints in few regions and serves all of them."""
FRESH_DAYS = 7
"""Days for which a cached price is valid; list prices change a few times a year."""
_CACHE_VERSION = 1
# USE1-, EUC1-, and EU- for eu-west-1. Other prefixes (Outposts-, TS-) make another product of it.
_REGION_PREFIX = re.compile(r"\A(?:EU|[A-Z]{3}\d)-")


@dataclass(frozen=True)
class Item:
    """An entry of the price list.

    `name` is the key in the cache and in results. `usage` is the product's usage type without its region prefix.
    `hours` is the number of hours that one unit covers.
    """

    name: str
    service: str
    filters: tuple[tuple[str, str], ...]
    usage: str
    hours: int = 1


def instance(instance_type: str) -> Item:
    """Return the item for one hour of a Linux machine, on demand, on shared hardware."""
    filters = {
        "instanceType": instance_type,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        # Excludes unused and reserved capacity of the same type.
        "capacitystatus": "Used",
    }
    return Item(f"instance/{instance_type}", "AmazonEC2", tuple(filters.items()), f"BoxUsage:{instance_type}")


def volume(volume_type: str) -> Item:
    """Return the item for one GiB of a volume type, priced by the month."""
    filters = (("productFamily", "Storage"), ("volumeApiName", volume_type))
    usage = "EBS:VolumeUsage" if volume_type == "standard" else f"EBS:VolumeUsage.{volume_type}"
    return Item(f"volume/{volume_type}", "AmazonEC2", filters, usage, HOURS_PER_MONTH)


def unlisted(name: str) -> Item:
    """Return an item that costs money and whose price is always unknown."""
    return Item(name, "", (), "")


def provisioned(volume_type: str, iops: int, throughput: int) -> Item | None:
    """Return the item for provisioned IOPS or throughput, None without a charge.

    gp3 includes 3,000 operations and 125 MiB a second (EC2 user guide, "General Purpose SSD volumes"); io1 and io2
    charge every operation.
    """
    is_extra = volume_type in ("io1", "io2") or (volume_type == "gp3" and (iops > 3000 or throughput > 125))
    return unlisted(f"speed of {volume_type} volumes") if is_extra else None


SNAPSHOT = Item("snapshot", "AmazonEC2", (("productFamily", "Storage Snapshot"),), "EBS:SnapshotUsage", HOURS_PER_MONTH)
"""One GiB of a snapshot."""
PUBLIC_ADDRESS = Item("public-address", "AmazonVPC", (("group", "VPCPublicIPv4Address"),), "PublicIPv4:InUseAddress")
"""A public IPv4 address in use; a load balancer has one in each zone."""
IDLE_ADDRESS = Item("idle-address", "AmazonVPC", (("group", "VPCPublicIPv4Address"),), "PublicIPv4:IdleAddress")
"""An elastic address without an association."""
LOAD_BALANCER = Item("load-balancer", "AWSELB", (("productFamily", "Load Balancer-Application"),), "LoadBalancerUsage")
"""An application load balancer, without the traffic through it."""
VPC_ENDPOINT = Item("vpc-endpoint", "AmazonVPC", (("productFamily", "VpcEndpoint"),), "VpcEndpoint-Hours")
"""An interface endpoint in one zone, without the traffic through it."""
CAPACITY_UNIT = Item("capacity-unit", "AWSELB", (("productFamily", "Load Balancer-Application"),), "LCUUsage")
"""The hour of a load balancer capacity unit (LCU); usage depends on traffic."""


@dataclass(frozen=True)
class Quote:
    """The price of a unit in dollars and the day on which it was retrieved."""

    amount: Decimal
    as_of: str


@dataclass
class PriceList:
    """Hourly prices of one region, from AWS and a cache file.

    `client` returns botocore's client of `pricing` in PRICE_LIST_REGION and is called only when a price is missing.
    `notes` say why prices are missing. Only `save` writes `cache_file`.
    """

    client: Callable[[], Any]
    region: str
    cache_file: Path | None = None
    explain: Callable[[BaseException], str] = str
    errors: tuple[type[Exception], ...] = ()
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    notes: list[str] = field(default_factory=list)
    _quotes: dict[str, Quote] = field(default_factory=dict)
    _missing: set[str] = field(default_factory=set)
    _is_read: bool = False
    _has_new: bool = False
    _is_broken: bool = False

    def per_hour(self, item: Item) -> Decimal | None:
        """Return the hourly price of one unit (a GiB for disks), None when it is unknown."""
        quote = self._quote(item)
        return None if quote is None else quote.amount / item.hours

    def as_of(self, items: Iterable[Item]) -> str:
        """Return the day of the oldest price of `items`, "" when none is known."""
        days = [self._quotes[item.name].as_of for item in items if item.name in self._quotes]
        return min(days, default="")

    def save(self) -> None:
        """Write new prices to the cache file. Raises OSError."""
        if self.cache_file is None or not self._has_new:
            return
        prices = {name: {"amount": str(q.amount), "as_of": q.as_of} for name, q in sorted(self._quotes.items())}
        data = {"version": _CACHE_VERSION, "region": self.region, "prices": prices}
        write_whole(self.cache_file, json.dumps(data, indent=1).encode())

    def _quote(self, item: Item) -> Quote | None:
        if not item.service:
            return None
        self._read_cache()
        known = self._quotes.get(item.name)
        if known and self.now - _day(known.as_of) < timedelta(days=FRESH_DAYS):
            return known
        if item.name in self._missing or self._is_broken:
            return known
        amount = self._ask(item)
        if amount is None:
            self._missing.add(item.name)
            return known
        quote = Quote(amount, self.now.date().isoformat())
        self._quotes[item.name] = quote
        self._has_new = True
        return quote

    def _ask(self, item: Item) -> Decimal | None:
        filters = [("regionCode", self.region), *item.filters]
        request = {
            "ServiceCode": item.service,
            "Filters": [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters],
        }
        amounts: set[Decimal] = set()
        try:
            for page in self.client().get_paginator("get_products").paginate(**request):
                amounts |= {
                    amount for text in page["PriceList"] for amount in unit_prices(json.loads(text), item.usage)
                }
        except self.errors as error:
            # One failed request is enough: do not repeat it for every item.
            self._is_broken = True
            self.notes.append(f"prices cannot be asked: {self.explain(error)}")
            return None
        if not amounts:
            self.notes.append(f"the price list of {self.region} has no price for {item.name}")
            return None
        # Of several prices take the highest, so that a plan never shows too low a cost.
        return max(amounts)

    def _read_cache(self) -> None:
        if self._is_read:
            return
        self._is_read = True
        try:
            data = json.loads(self.cache_file.read_text(encoding="utf-8")) if self.cache_file else {}
            if data.get("version") != _CACHE_VERSION or data.get("region") != self.region:
                return
            for name, entry in data["prices"].items():
                _day(entry["as_of"])
                self._quotes[name] = Quote(Decimal(entry["amount"]), entry["as_of"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidOperation):
            # A missing or damaged cache: ask AWS again.
            self._quotes.clear()


def unit_prices(product: Mapping[str, Any], usage: str) -> set[Decimal]:
    """Return the on-demand prices in dollars of a product with usage type `usage`.

    A free first tier does not count: a fleet exceeds it.
    """
    attributes = product.get("product", {}).get("attributes", {})
    if _REGION_PREFIX.sub("", str(attributes.get("usagetype", ""))) != usage:
        return set()
    terms = product.get("terms", {}).get("OnDemand", {}).values()
    dimensions = (dimension for term in terms for dimension in term.get("priceDimensions", {}).values())
    amounts = set()
    for dimension in dimensions:
        try:
            amounts.add(Decimal(dimension["pricePerUnit"]["USD"]))
        except (KeyError, TypeError, InvalidOperation):
            continue
    return {amount for amount in amounts if amount.is_finite() and amount > 0}


@dataclass(frozen=True)
class Line:
    """A line of a bill: `count` units (GiB for disks) at `unit_price` per hour.

    `unit_price` is in dollars, None when it is unknown.
    """

    what: str
    count: int
    unit_price: Decimal | None

    @property
    def per_hour(self) -> Decimal | None:
        """Dollars per hour of all units."""
        return None if self.unit_price is None else self.unit_price * self.count


@dataclass(frozen=True)
class Bill:
    """The cost of several items; unknown prices are not in the sums but in `unknown`."""

    lines: tuple[Line, ...]
    as_of: str = ""

    @property
    def per_hour(self) -> Decimal:
        """Dollars per hour of all lines with a known price."""
        return sum((line.per_hour for line in self.lines if line.per_hour is not None), Decimal(0))

    @property
    def unknown(self) -> list[str]:
        """Names of the lines whose price is unknown."""
        return [line.what for line in self.lines if line.unit_price is None]

    def as_data(self) -> dict[str, Any]:
        """Return the bill as plain data; amounts are strings, None when unknown."""
        is_known = any(line.unit_price is not None for line in self.lines) or not self.lines
        return {
            "per_hour": dollars(self.per_hour, 4) if is_known else None,
            "per_day": dollars(self.per_hour * 24) if is_known else None,
            "per_30_days": dollars(self.per_hour * 24 * 30) if is_known else None,
            "lines": [
                {
                    "what": line.what,
                    "count": line.count,
                    "unit_price": None if line.unit_price is None else dollars(line.unit_price, 6),
                    "per_hour": None if line.per_hour is None else dollars(line.per_hour, 4),
                    "known": line.unit_price is not None,
                }
                for line in self.lines
            ],
            "as_of": self.as_of,
            "unknown": self.unknown,
        }


def dollars(amount: Decimal, places: int = 2) -> str:
    """Return `amount` as text with `places` decimals."""
    return str(amount.quantize(Decimal(1).scaleb(-places)))


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
