"""Prices: found in the list's own format and kept with their day.

An unknown price is never 0 and never guessed.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws import prices

DAY = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Refused(Exception):
    """An error that the fake raises in place of botocore's errors."""


def product(usage: str, *amounts: str, **attributes: str) -> str:
    """Return a product as GetProducts returns it.

    It has one price dimension per amount.
    """
    dimensions = {f"rate{number}": {"unit": "Hrs", "pricePerUnit": {"USD": a}} for number, a in enumerate(amounts)}
    data = {
        "product": {"sku": "A1", "attributes": {"usagetype": usage, **attributes}},
        "terms": {"OnDemand": {"A1.JR": {"priceDimensions": dimensions}}},
    }
    return json.dumps(data)


class FakePriceList:
    """A fake price list with literal GetProducts answers and a count of calls.

    It answers by the most specific filter.
    """

    def __init__(self, answers: dict[str, list[list[str]]]) -> None:
        self.answers = answers
        self.requests: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> "FakePriceList":
        assert operation == "get_products"
        return self

    def paginate(self, ServiceCode: str, Filters: list[dict[str, str]]) -> Any:
        self.requests.append({"service": ServiceCode, **{item["Field"]: item["Value"] for item in Filters}})
        if "refuse" in self.answers:
            raise Refused("not allowed")
        key = next(
            (f["Value"] for f in Filters if f["Field"] in ("instanceType", "volumeApiName", "group")), ServiceCode
        )
        return [{"PriceList": page} for page in self.answers.get(key, [[]])]


def price_list(fake: FakePriceList, **options: Any) -> prices.PriceList:
    """Return the price list of eu-central-1 in `fake`."""
    return prices.PriceList(lambda: fake, "eu-central-1", errors=(Refused,), **{"now": DAY, **options})


def test_a_machine_a_disk_and_a_load_balancer_per_hour() -> None:
    fake = FakePriceList(
        {
            "t3.medium": [[product("EUC1-BoxUsage:t3.medium", "0.0480000000")]],
            "gp3": [[], [product("EUC1-EBS:VolumeUsage.gp3", "0.0952000000")]],
            "AWSELB": [
                [
                    product("EUC1-LCUUsage", "0.008"),
                    product("EUC1-LoadBalancerUsage", "0.027"),
                    product("EUC1-TS-LoadBalancerUsage", "0.99"),
                    product("EUC1-Outposts-LoadBalancerUsage", "0.98"),
                    product("Outposts-LoadBalancerUsage", "0.97"),
                ]
            ],
        }
    )
    listed = price_list(fake)
    assert listed.per_hour(prices.instance("t3.medium")) == Decimal("0.048")
    assert listed.per_hour(prices.volume("gp3")) == Decimal("0.0952") / 730
    assert listed.per_hour(prices.LOAD_BALANCER) == Decimal("0.027")
    assert all(request["regionCode"] == "eu-central-1" for request in fake.requests)
    listed.per_hour(prices.instance("t3.medium"))
    assert len(fake.requests) == 3


def test_a_free_tier_is_not_the_price() -> None:
    address = [product("EUC1-PublicIPv4:InUseAddress", "0.0", "0.005"), product("EUC1-PublicIPv4:IdleAddress", "0.009")]
    listed = price_list(FakePriceList({"VPCPublicIPv4Address": [address]}))
    assert listed.per_hour(prices.PUBLIC_ADDRESS) == Decimal("0.005")
    assert listed.per_hour(prices.IDLE_ADDRESS) == Decimal("0.009")


@pytest.mark.parametrize(
    "answer", [[], ["{}"], [product("EUC1-BoxUsage:t3.large", "1")], [product("EUC1-BoxUsage:t3.medium", "0.0")]]
)
def test_what_has_no_price_is_unknown_and_said_once(answer: list[str]) -> None:
    fake = FakePriceList({"t3.medium": [answer]})
    listed = price_list(fake)
    assert [listed.per_hour(prices.instance("t3.medium")) for _ in range(3)] == [None] * 3
    assert len(listed.notes) == len(fake.requests) == 1


def test_a_refusal_is_told_once_and_old_prices_serve(tmp_path: Path) -> None:
    cache = tmp_path / "deep" / "prices.json"
    good = FakePriceList({"t3.medium": [[product("BoxUsage:t3.medium", "0.0416")]]})
    first = price_list(good, cache_file=cache)
    first.per_hour(prices.instance("t3.medium"))
    first.save()
    fake = FakePriceList({"refuse": []})
    later = price_list(fake, cache_file=cache, now=DAY + timedelta(days=30))
    assert later.per_hour(prices.instance("t3.medium")) == Decimal("0.0416")
    assert later.as_of([prices.instance("t3.medium")]) == "2026-05-01"
    assert later.per_hour(prices.LOAD_BALANCER) is None
    assert later.notes == ["prices cannot be asked: not allowed"] and len(fake.requests) == 1


def test_a_fresh_cache_asks_nothing_and_a_foreign_or_broken_one_is_not_believed(tmp_path: Path) -> None:
    cache = tmp_path / "prices.json"
    fake = FakePriceList({"t3.medium": [[product("BoxUsage:t3.medium", "0.0416")]]})
    first = price_list(fake, cache_file=cache)
    first.per_hour(prices.instance("t3.medium"))
    first.save()
    again = price_list(fake, cache_file=cache, now=DAY + timedelta(days=3))
    assert again.per_hour(prices.instance("t3.medium")) == Decimal("0.0416") and len(fake.requests) == 1
    broken = ["", "[]", '{"version": 1, "region": "eu-central-1", "prices": {"instance/t3.medium": {"amount": "x"}}}']
    for text in [cache.read_text().replace("eu-central-1", "us-east-1"), *broken]:
        cache.write_text(text)
        before = len(fake.requests)
        price_list(fake, cache_file=cache).per_hour(prices.instance("t3.medium"))
        assert len(fake.requests) == before + 1


def test_a_bill_adds_exactly_and_names_what_it_does_not_know() -> None:
    lines = (prices.Line("machines", 40, Decimal("0.0416")), prices.Line("disks", 1200, Decimal("0.08") / 730))
    data = prices.Bill(lines, "2026-05-01").as_data()
    assert (data["per_hour"], data["per_day"], data["per_30_days"]) == ("1.7955", "43.09", "1292.76")
    assert data["unknown"] == []
    data = prices.Bill((*lines, prices.Line("x9.huge", 2, None))).as_data()
    assert data["unknown"] == ["x9.huge"] and data["lines"][2]["per_hour"] is None and data["per_hour"] == "1.7955"
    assert prices.Bill((prices.Line("x9.huge", 2, None),)).as_data()["per_hour"] is None
