"""A faster lookup of one resource's tags, for moto with thousands of resources."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from moto.ec2.models.tags import TagBackend

_describe_tags = TagBackend.describe_tags


def install() -> None:
    """Make moto of this process read only the tags of the resources in question.

    By itself it reads those of the whole account.
    """
    TagBackend.describe_tags = _describe_tags_of_few  # type: ignore[method-assign]


def _describe_tags_of_few(self: Any, filters: dict[str, list[str]] | None = None) -> Any:
    """Return moto's own answer for a few resources.

    moto takes minutes when it is asked about each of thousands of instances.
    """
    if filters and set(filters) == {"resource-id"}:
        few = {name: dict(self.tags[name]) for name in filters["resource-id"] if name in self.tags}
        self = SimpleNamespace(tags=few, VALID_TAG_FILTERS=self.VALID_TAG_FILTERS)
    return _describe_tags(self, filters)
