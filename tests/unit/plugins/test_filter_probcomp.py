"""The stack of a network as the role asks for it."""

from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.filter.probcomp import network_stack

ONE = "203.0.113.7/32"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (ONE, [ONE, "", "", "", ""]),
        ([ONE], [ONE, "", "", "", ""]),
        ("203.0.113.7/32, 192.0.2.0/24", [ONE, "192.0.2.0/24", "", "", ""]),
        ([ONE, "192.0.2.0/24", ONE], [ONE, "192.0.2.0/24", "", "", ""]),
    ],
)
def test_administrators_are_a_text_or_a_list(given: Any, wanted: list[str]) -> None:
    parameters = network_stack("shared", {"AdminCidr": given})["parameters"]
    assert [parameters[name] for name in ("AdminCidr", *(f"AdminCidr{n}" for n in range(2, 6)))] == wanted


def test_each_network_has_its_zones() -> None:
    zones = {"shared": ["us-east-1a", "us-east-1c"]}
    assert network_stack("shared", {}, zones)["parameters"] == {
        "Network": "shared",
        "ZoneA": "us-east-1a",
        "ZoneB": "us-east-1c",
    }
    assert network_stack("other", {}, zones)["parameters"] == {"Network": "other"}
