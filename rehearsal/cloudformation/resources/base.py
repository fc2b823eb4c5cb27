"""Define the interface of a resource type: its properties and operations.

The operations create, change and delete a physical resource.
"""

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
"""Paths of the tags, for a type's set of properties."""


@dataclass(frozen=True)
class Context:
    """The resource and stack that a handler acts for."""

    cloud: Cloud
    stack_name: str
    logical_id: str
    wait: Callable[[Callable[[], bool], str], None]
    """Function that waits until its first argument returns True.

    The wait is bounded; the second argument says what for. Never call it with the lock.
    """
    refused_start: Callable[[], None] = lambda: None
    """Function that raises ResourceFailure when a fault forbids a machine's start.

    It is called before a changed machine starts again.
    """


class ResourceType(ABC):
    """One type of resource; an instance of it acts on one resource."""

    type_name: ClassVar[str]
    service: ClassVar[str] = "Ec2"
    properties: ClassVar[frozenset[str]]
    """Supported properties, nested ones as dotted paths.

    Lists count as their items.
    """
    attributes: ClassVar[frozenset[str]] = frozenset()
    """Attributes that Fn::GetAtt supports."""
    tagged: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        self.context = context
        self.cloud = context.cloud

    @abstractmethod
    def create(self, properties: Properties, tags: Tags) -> str:
        """Create the resource and return its physical id.

        It runs with the lock held, so it must not wait.
        """

    def is_ready(self, physical_id: str) -> bool:
        """Return whether the new or changed resource is ready for use.

        Raises ResourceFailure when it never will be.
        """
        return True

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        """Change what `old` describes into `new`, without replacing it.

        It waits only through the context.
        """
        if old != new:
            raise ResourceFailure(f"{self.type_name} cannot be changed in place by the rehearsal")

    def set_tags(self, physical_id: str, old: Tags, new: Tags) -> None:
        """Set the resource's tags to those of `new`."""
        gone = [key for key in old if key not in new]
        if gone:
            self.cloud.ec2.delete_tags(Resources=[physical_id], Tags=[{"Key": key} for key in gone])
        self.cloud.ec2.create_tags(Resources=[physical_id], Tags=tag_list(new))

    def replaces(self, physical_id: str, old: Properties, new: Properties, changed: set[str]) -> bool:
        """Return whether a change of conditional properties needs a new resource.

        The engine asks only if no changed property replaces the resource by itself.
        """
        return False

    @abstractmethod
    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete the resource, which may take until `is_gone` returns True."""

    def is_gone(self, physical_id: str) -> bool:
        """Return whether nothing is left after `delete`."""
        return True

    def attribute(self, physical_id: str, name: str) -> Any:
        """Return the value of one of `attributes`."""
        raise KeyError(name)


def tag_list(tags: Tags) -> list[dict[str, str]]:
    """Return tags in the form of the APIs."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_specifications(resource: str, tags: Tags) -> list[dict[str, Any]]:
    """Return tags in the form of EC2's calls that create resources."""
    return [{"ResourceType": resource, "Tags": tag_list(tags)}]


def generated_name(stack_name: str, logical_id: str, limit: int) -> str:
    """Return a name for a resource without one.

    It has parts of the stack's name and the logical id, and letters that make it unique.
    """
    suffix = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(12))
    room = limit - len(suffix) - 2
    first = stack_name[: room // 2 + room % 2].strip("-")
    second = logical_id[: room - len(first)]
    return f"{first}-{second}-{suffix}"


def only(properties: Properties, *names: str) -> Properties:
    """Return the named properties that are given."""
    return {name: properties[name] for name in names if name in properties}
