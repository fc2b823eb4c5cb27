"""What others have is counted in words that agree."""

import pytest

from rehearsal.cli.status_text import status_text


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({"vpcs": 1, "security_groups": 2}, "of others: 1 VPC, 2 security groups"),
        ({"vpcs": 2, "images": 1, "stacks": 0}, "of others: 2 VPCs, 1 image"),
        ({"load_balancers": 1, "target_groups": 1}, "of others: 1 load balancer, 1 target group"),
    ],
)
def test_one_is_no_plural(counts: dict[str, int], line: str) -> None:
    status = {
        "machines": [],
        "strangers": counts,
        "counts": {"reads": 1, "changes": 0, "peak_per_second": 1},
        "memory": {"server": 0, "server_peak": 0, "machines": 0, "machines_peak": 0},
    }
    assert line in status_text(status).splitlines()
