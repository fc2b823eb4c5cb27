"""Set an instance's state, and refuse a call that the state forbids.

Hold the lock to call these functions.
"""

from moto.ec2.models.instances import Instance, InstanceState, StateReason

from rehearsal.api.errors import AwsError

STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


def become(instance: Instance, state: str) -> None:
    """Set the instance's state; answers that hold the former one keep it."""
    instance._state = InstanceState(state, STATE_CODES[state])
    if state in ("pending", "running"):
        instance._reason = ""
        instance.state_reason = StateReason()


def incorrect_state(instance: Instance, purpose: str) -> AwsError:
    """Return the error of a call that the instance's state forbids.

    `purpose` is e.g. `started`.
    """
    message = f"The instance '{instance.id}' is not in a state from which it can be {purpose}."
    return AwsError("IncorrectInstanceState", message)


def tag_values(instance: Instance) -> str:
    """Return the values of the instance's tags in one text, for a fault's match."""
    return " ".join(str(tag["value"]) for tag in instance.get_tags())
