"""What a resource type is to the engine: its properties, and how a physical resource is made, changed and deleted."""

import secrets
import string
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from rehearsal.cloudformation.aws_clients import Cloud
from rehearsal.cloudformation.errors import ResourceFailure

Properties = dict[str, Any]
Tags = dict[str, str]
TAGS = frozenset({"Tags", "Tags.Key", "Tags.Value"})
"""Paths of the tags, for the properties of a type."""


@dataclass(frozen=True)
class Context:
    """For which resource of which stack a handler acts."""

    cloud: Cloud
    stack_name: str
    logical_id: str
    wait: Callable[[Callable[[], bool], str], None]
    """Waits, bounded, until the first argument answers True; the second says what for. Never call it with the lock."""
    refused_start: Callable[[], None] = lambda: None
    """Raises ResourceFailure when a fault says that a changed machine must not start."""


class ResourceType(ABC):
    """One type of resource; an instance of it acts on one resource."""

    type_name: ClassVar[str]
    service: ClassVar[str] = "Ec2"
    properties: ClassVar[frozenset[str]]
    """Properties that are put into effect, nested ones as dotted paths; lists count as their items."""
    attributes: ClassVar[frozenset[str]] = frozenset()
    """What Fn::GetAtt may ask for."""
    tagged: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        self.context = context
        self.cloud = context.cloud

    @abstractmethod
    def create(self, properties: Properties, tags: Tags) -> str:
        """Make the resource and answer its physical id. Runs with the lock held, so it must not wait."""

    def is_ready(self, physical_id: str) -> bool:
        """Whether the new or changed resource is ready for use; raises ResourceFailure when it never will be."""
        return True

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        """Turn what `old` describes into `new`, without replacing it. Waits only through the context."""
        if old != new:
            raise ResourceFailure(f"{self.type_name} cannot be changed in place by the rehearsal")

    def set_tags(self, physical_id: str, old: Tags, new: Tags) -> None:
        """Make the tags those of `new`."""
        gone = [key for key in old if key not in new]
        if gone:
            self.cloud.ec2.delete_tags(Resources=[physical_id], Tags=[{"Key": key} for key in gone])
        self.cloud.ec2.create_tags(Resources=[physical_id], Tags=tag_list(new))

    def replaces(self, physical_id: str, old: Properties, new: Properties, changed: set[str]) -> bool:
        """Whether a change of conditional properties needs a new resource; asked only if none replaces by itself."""
        return False

    @abstractmethod
    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete the resource, which may take until `is_gone`."""

    def is_gone(self, physical_id: str) -> bool:
        """Whether nothing is left after `delete`."""
        return True

    def attribute(self, physical_id: str, name: str) -> Any:
        """Value of one of `attributes`."""
        raise KeyError(name)


def tag_list(tags: Tags) -> list[dict[str, str]]:
    """Tags as the APIs take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_specifications(resource: str, tags: Tags) -> list[dict[str, Any]]:
    """Tags as EC2's calls that make resources take them."""
    return [{"ResourceType": resource, "Tags": tag_list(tags)}]


def generated_name(stack_name: str, logical_id: str, limit: int) -> str:
    """A name for a resource without one: parts of stack and logical id, and letters that make it unique."""
    suffix = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(12))
    room = limit - len(suffix) - 2
    first = stack_name[: room // 2 + room % 2].strip("-")
    second = logical_id[: room - len(first)]
    return f"{first}-{second}-{suffix}"


def only(properties: Properties, *names: str) -> Properties:
    """Those of the named properties that are given."""
    return {name: properties[name] for name in names if name in properties}
