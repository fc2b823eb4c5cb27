"""What unlimited CPU credits may cost, in words."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws import cpu_credits, prices


class Listed(prices.PriceList):
    """A price list with the prices of AWS's pages for CPU credits."""

    def per_hour(self, item: prices.Item) -> Decimal | None:
        known = {"CPUCredits:t2": "0.05", "CPUCredits:t3": "0.05", "CPUCredits:t4g": "0.04"}
        return Decimal(known[item.usage]) if item.usage in known else None


LISTED = Listed(lambda: None, "us-east-1")


@pytest.mark.parametrize(
    ("instance_type", "wanted", "unlimited"),
    [
        *[(f"{family}.medium", "", True) for family in ("t3", "t3a", "t4g")],
        ("t2.medium", "", False),
        ("t2.medium", "unlimited", True),
        ("t3.medium", "standard", False),
        ("c5.large", "unlimited", False),
        ("trn1.2xlarge", "", False),
    ],
)
def test_who_may_pay_for_more(instance_type: str, wanted: str, unlimited: bool) -> None:
    assert cpu_credits.is_unlimited(instance_type, wanted) is unlimited


def test_forty_of_one_type_are_one_line_with_the_most_that_they_cost() -> None:
    machines = [("t3.medium", "", 2)] * 40 + [("t4g.large", "unlimited", 2), ("c5.large", "", 2), ("t2.micro", "", 1)]
    assert cpu_credits.notes(machines, LISTED) == [
        "t3.medium above its baseline costs more, $0.05 per vCPU and hour, at most $4.00 an hour for 40 machines; "
        "cpu_credits=standard slows it down instead",
        "t4g.large above its baseline costs more, $0.04 per vCPU and hour, at most $0.08 an hour for 1 machine; "
        "cpu_credits=standard slows it down instead",
    ]


def test_an_unknown_price_is_no_zero() -> None:
    (line,) = cpu_credits.notes([("t3a.small", "", 2)], LISTED)
    assert line == "t3a.small above its baseline costs more; cpu_credits=standard slows it down instead"
