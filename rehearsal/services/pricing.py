"""Imitate the part of the Price List API that plans and burn rates read.

moto has none. The API gateway routes `pricing` requests here. Answers have the price list's own form: each product is
a JSON text with its attributes and its on-demand terms. Like the real list it has more than one line for an instance
type (used, reserved and unused capacity), so that a query that does not filter by capacitystatus gets several lines
here too.
"""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from moto.core.responses import ActionResult, BaseResponse
from moto.ec2.models.instance_types import INSTANCE_TYPES

from rehearsal.api.errors import AwsError

DATA = Path(__file__).parents[1] / "data" / "prices.yml"
ON_DEMAND = "JRTCKXETXF"
PER_UNIT = "6YS6EN2CT7"
PAGE = 100


@cache
def products() -> list[dict[str, Any]]:
    """Return all products of the list with their terms, in the price list's form."""
    data = yaml.safe_load(DATA.read_text())
    common = {"location": data["location"], "locationType": "AWS Region", "regionCode": data["region"]}
    found = []
    for family, sizes in data["instances"].items():
        for size, price in sizes.items():
            found += _instance(f"{family}.{size}", price, common)
    for item in data["products"]:
        attributes = common | {"servicecode": item["service"], "operation": ""} | item["attributes"]
        found.append(
            _product(item["service"], item["family"], attributes, item["unit"], item["price"], item["description"])
        )
    for product in found:
        product["publicationDate"] = data["publication_date"]
    return found


def _instance(name: str, price: float, common: dict[str, str]) -> list[dict[str, Any]]:
    details = INSTANCE_TYPES[name]
    attributes = common | {
        "servicecode": "AmazonEC2",
        "servicename": "Amazon Elastic Compute Cloud",
        "instanceType": name,
        "instanceFamily": "General purpose",
        "vcpu": str(details["VCpuInfo"]["DefaultVCpus"]),
        "memory": f"{details['MemoryInfo']['SizeInMiB'] / 1024:g} GiB",
        "tenancy": "Shared",
        "operatingSystem": "Linux",
        "preInstalledSw": "NA",
        "licenseModel": "No License required",
        "marketoption": "OnDemand",
        "operation": "RunInstances",
    }
    return [
        _product(
            "AmazonEC2",
            "Compute Instance",
            attributes | {"capacitystatus": status, "usagetype": f"{usage}:{name}"},
            "Hrs",
            amount,
            f"per {words} Linux {name} Instance Hour",
        )
        for status, usage, amount, words in (
            ("UnusedCapacityReservation", "UnusedBox", price, "Unused Reservation"),
            ("AllocatedCapacityReservation", "Reservation", 0.0, "Reservation"),
            ("Used", "BoxUsage", price, "On Demand"),
        )
    ]


def _product(
    service: str, family: str, attributes: dict[str, str], unit: str, price: float, description: str
) -> dict[str, Any]:
    sku = hashlib.sha256(json.dumps([service, attributes], sort_keys=True).encode()).hexdigest()[:16].upper()
    term, rate = f"{sku}.{ON_DEMAND}", f"{sku}.{ON_DEMAND}.{PER_UNIT}"
    dimension = {
        "unit": unit,
        "beginRange": "0",
        "endRange": "Inf",
        "description": f"${price:g} {description}",
        "appliesTo": [],
        "rateCode": rate,
        "pricePerUnit": {"USD": f"{price:.10f}"},
    }
    return {
        "product": {"attributes": attributes, "sku": sku} | ({"productFamily": family} if family else {}),
        "serviceCode": service,
        "terms": {
            "OnDemand": {
                term: {
                    "priceDimensions": {rate: dimension},
                    "sku": sku,
                    "effectiveDate": "2026-09-01T00:00:00Z",
                    "offerTermCode": ON_DEMAND,
                    "termAttributes": {},
                }
            }
        },
        "version": "20260915000000",
    }


def _matches(product: dict[str, Any], condition: dict[str, str]) -> bool:
    """Return whether a filter of GetProducts lets a product pass.

    A product without the attribute passes no filter on it.
    """
    field, wanted = condition["Field"], condition["Value"]
    attributes = product["product"]["attributes"]
    own = {"productFamily": product["product"].get("productFamily"), "ServiceCode": product["serviceCode"]}
    value = own.get(field, attributes.get(field))
    if value is None:
        return False
    match condition["Type"]:
        case "TERM_MATCH" | "EQUALS":
            return bool(value == wanted)
        case "CONTAINS":
            return wanted in value
        case "ANY_OF":
            return value in wanted.split(",")
        case "NONE_OF":
            return value not in wanted.split(",")
    raise AwsError("InvalidParameterException", f"Input Parameters are invalid. FilterType {condition['Type']}")


class PricingApi(BaseResponse):
    """The action GetProducts."""

    def __init__(self) -> None:
        super().__init__(service_name="pricing")
        self.automated_parameter_parsing = True

    def get_products(self) -> ActionResult:
        """Return the products of a service that pass every filter, each as a JSON text.

        An empty list is no error.
        """
        conditions = self._get_param("Filters") or []
        found = [item for item in self._of_service() if all(_matches(item, condition) for condition in conditions)]
        return self._page("PriceList", [json.dumps(item) for item in found])

    def _of_service(self) -> list[dict[str, Any]]:
        service = self._get_param("ServiceCode")
        found = [item for item in products() if item["serviceCode"] == service]
        if not found:
            raise AwsError("NotFoundException", f"The service {service} is not found.")
        return found

    def _page(self, key: str, items: list[Any]) -> ActionResult:
        try:
            start = int(self._get_param("NextToken") or 0)
        except ValueError:
            raise AwsError("InvalidNextTokenException", "The pagination token is invalid.") from None
        end = start + min(int(self._get_param("MaxResults") or PAGE), PAGE)
        answer: dict[str, Any] = {"FormatVersion": "aws_v1", key: items[start:end]}
        if end < len(items):
            answer["NextToken"] = str(end)
        return ActionResult(answer)
