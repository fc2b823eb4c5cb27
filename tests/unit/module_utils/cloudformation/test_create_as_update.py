"""Stacks that a change of their template updates: networks, never machines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cloudformation_fakes import NAME, Lab, Wanted, client_error, event


@pytest.fixture
def lab() -> Lab:
    return Lab()


def updating(lab: Lab, course: list[str], **more: Any) -> dict[str, Any]:
    lab.wanted = Wanted("the template", update=True)
    parameters = [
        {"ParameterKey": "ListenerArn", "ParameterValue": "old"},
        {"ParameterKey": "Kept", "ParameterValue": "1"},
    ]
    lab.client.add(NAME, "CREATE_COMPLETE", **{"Parameters": parameters, **more})
    lab.client.on_update = course
    return lab.make()["alice"]


def test_an_update_passes_previous_values(lab: Lab) -> None:
    result = updating(lab, ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"])
    assert (result["status"], result["changed"], result["action"]) == ("ready", True, "update")
    (request,) = lab.client.requests("update_stack")
    assert {"ParameterKey": "Kept", "UsePreviousValue": True} in request["Parameters"]


def test_an_update_that_is_undone_has_failed(lab: Lab) -> None:
    lab.client.events = [event("Vpc", "UPDATE_FAILED", "not allowed")]
    result = updating(lab, ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"])
    assert (result["status"], result["reason"]) == ("failed", "Vpc: not allowed")


def test_nothing_is_submitted_when_nothing_differs(lab: Lab) -> None:
    result = updating(lab, [], Parameters=[{"ParameterKey": "ListenerArn", "ParameterValue": "listener"}])
    assert (result["status"], result["changed"]) == ("ready", False)
    assert lab.client.called() == []


def test_no_updates_to_be_performed(lab: Lab) -> None:
    lab.client.errors["update_stack"] = [client_error("ValidationError", "No updates are to be performed.")]
    result = updating(lab, [])
    assert (result["status"], result["changed"]) == ("ready", False)


def test_machines_are_never_updated(lab: Lab) -> None:
    lab.client.add(NAME, "CREATE_COMPLETE", Parameters=[{"ParameterKey": "ListenerArn", "ParameterValue": "old"}])
    assert lab.make()["alice"]["changed"] is False
    assert lab.client.called() == []
