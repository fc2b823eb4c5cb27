"""Inject faults: failing API calls, failing stack resources, broken machines.

`scripts/rehearsal fault` and the tests add faults over HTTP; the API gateway, the stack engine and the machines ask
whether a fault matches what they are about to do. A fault lasts for `times` hits, or for ever with a `rate`.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from itertools import count

_ids = count(1)


@dataclass
class Fault:
    """One injected fault; `kind` decides which fields matter."""

    kind: str = "api"
    """Kind of fault: `api`, `resource`, `capacity` or `machine`.

    `api`: a request fails; `resource`: a stack's resource cannot be created; `capacity`: a zone has no room for an
    instance, with `match` in "t3.medium us-east-1a".
    """
    service: str = ""
    """api: service as botocore names it, e.g. `cloudformation`; empty matches all."""
    action: str = ""
    """api: action, e.g. `CreateStack`; empty matches all."""
    match: str = ""
    """Text that must occur in the request, stack name, or Name tag or id of a machine.

    Empty matches all.
    """
    code: str = "InternalFailure"
    message: str = "injected by the rehearsal"
    status: int = 400
    drop: bool = False
    """api: close the connection without an answer instead."""
    after: bool = False
    """api: let the call take effect, then lose or replace its answer."""
    logical_id: str = ""
    """resource: logical id in the template; empty matches all."""
    effect: str = ""
    """machine: `no-boot`, `no-console` or `no-image`.

    `no-boot`: it terminates itself; `no-console`: it never shows its keys; `no-image`: no image can be made of it.
    """
    times: int = 0
    """Hits left; 0 means no limit."""
    rate: float = 1.0
    """Share of the matching calls that the fault hits."""
    seed: int = 0
    """Seed that makes the hits of a rate the same in every run."""
    skip: int = 0
    """Matching calls to let pass before the first hit."""
    id: int = field(default_factory=lambda: next(_ids))
    hits: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - reproducible, not secret
        self._spent = False

    def strikes(self) -> bool:
        """Count one matching occasion and return whether the fault hits it."""
        if self._spent:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.rate < 1 and self._random.random() >= self.rate:
            return False
        self.hits += 1
        if self.times:
            self._spent = self.hits >= self.times
        return True


_KINDS = ("api", "resource", "capacity", "machine")
_EFFECTS = ("no-boot", "no-console", "no-image")
_lock = threading.Lock()
_faults: list[Fault] = []


def add(values: dict[str, object]) -> Fault:
    """Add a fault from its fields by name.

    Raises ValueError with a line for the user when a field is wrong.
    """
    known = {item.name: item for item in fields(Fault) if item.name not in ("id", "hits")}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"a fault has no field {name!r}; it has {', '.join(known)}")
        wanted = type(getattr(_TEMPLATE, name))
        if not isinstance(value, (int, float) if wanted is float else wanted):
            raise ValueError(f"{name} of a fault must be {wanted.__name__}, not {value!r}")
    fault = Fault(**values)  # type: ignore[arg-type]  # the loop above has looked at each
    if fault.kind not in _KINDS:
        raise ValueError(f"kind of a fault must be one of {', '.join(_KINDS)}, not {fault.kind!r}")
    if fault.kind == "machine" and fault.effect not in _EFFECTS:
        raise ValueError(f"effect of a machine's fault must be one of {', '.join(_EFFECTS)}, not {fault.effect!r}")
    if not 0 < fault.rate <= 1:
        raise ValueError(f"rate of a fault must be above 0 and at most 1, not {fault.rate}")
    with _lock:
        _faults.append(fault)
    return fault


_TEMPLATE = Fault(id=0)


def listing() -> list[dict[str, object]]:
    """Return all faults as plain data, including spent ones."""
    with _lock:
        return [asdict(fault) for fault in _faults]


def clear() -> int:
    """Remove all faults and return how many there were."""
    with _lock:
        number = len(_faults)
        _faults.clear()
    return number


def api_fault(service: str, action: str, request_text: str) -> Fault | None:
    """Return the fault that hits this request, if any.

    `request_text` is its decoded parameters.
    """
    return _first(
        lambda fault: (
            fault.kind == "api"
            and fault.service in ("", service)
            and fault.action in ("", action)
            and fault.match in request_text
        )
    )


def resource_fault(stack_name: str, logical_id: str) -> str | None:
    """Return why this resource of this stack must fail to be created, or None."""
    fault = _first(
        lambda fault: fault.kind == "resource" and fault.match in stack_name and fault.logical_id in ("", logical_id)
    )
    return fault.message if fault else None


def capacity_fault(instance_type: str, zone: str) -> bool:
    """Return whether this zone has no room for an instance of this type."""
    return _first(lambda fault: fault.kind == "capacity" and fault.match in f"{instance_type} {zone}") is not None


def machine_fault(effect: str, instance_id: str, name: str) -> bool:
    """Return whether this effect hits the machine of this instance id and Name tag."""
    return (
        _first(
            lambda fault: (
                fault.kind == "machine"
                and fault.effect == effect
                and (fault.match in name or fault.match == instance_id)
            )
        )
        is not None
    )


def _first(concerns: Callable[[Fault], bool]) -> Fault | None:
    with _lock:
        return next((fault for fault in _faults if concerns(fault) and fault.strikes()), None)
