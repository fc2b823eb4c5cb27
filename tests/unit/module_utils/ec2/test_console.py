"""Promise 4: a console is read live, and as EC2 kept it after the boot."""

from __future__ import annotations

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.ec2.console import Consoles
from botocore.exceptions import ClientError

from tests.support.cloudformation_fakes import FakeTime, client_error
from tests.support.ec2_consoles import FakeEc2

INSTANCE = "i-00000000000000001", "t3.medium"


def test_types_without_a_live_console() -> None:
    client = FakeEc2(live=False, i_00000000000000001=["", "booted"])
    consoles = Consoles(client, FakeTime().clock())
    assert [consoles.read(*INSTANCE), consoles.read(*INSTANCE)] == ["", "booted"]
    assert [request.get("Latest") for request in client.requests] == [True, None, None], "asked once whether it is live"
    assert consoles.read_all(*INSTANCE) == ["booted"], "the one console, not the same twice"


def test_the_live_console_and_the_boots_own() -> None:
    client = FakeEc2(boot="booting", i_00000000000000001=["", "now"])
    consoles = Consoles(client, FakeTime().clock())
    assert consoles.read_all(*INSTANCE) == [""], "nothing is kept of what has not begun"
    assert consoles.read_all(*INSTANCE) == ["now", "booting"]


def test_errors_are_not_taken_for_a_type_without_a_live_console() -> None:
    client = FakeEc2(i_00000000000000001=[client_error("InvalidInstanceID.NotFound", "m"), "now"])
    consoles = Consoles(client, FakeTime().clock())
    with pytest.raises(ClientError, match="NotFound"):
        consoles.read(*INSTANCE)
    assert consoles.read(*INSTANCE) == "now"
    assert [request.get("Latest") for request in client.requests] == [True, True]
