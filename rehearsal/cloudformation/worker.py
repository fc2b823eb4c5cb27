"""Create, change and delete a stack's resources one after another.

Each step is an event of the stack.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.api.faults import resource_fault
from rehearsal.cloudformation.errors import ResourceFailure, ValidationError, handler_message, reason_of
from rehearsal.cloudformation.intrinsics import Unknown
from rehearsal.cloudformation.resources import RESOURCE_TYPES, Context, ResourceType
from rehearsal.cloudformation.stacks import Stack, StackResource, now
from rehearsal.lock import LOCK
from rehearsal.settings import SETTINGS

_log = logging.getLogger(__name__)
_FIRST_POLL_SECONDS, _LAST_POLL_SECONDS = 0.02, 0.5
# A machine reports by itself when it fails to boot; the engine gives up on it only after that.
_MARGIN_SECONDS = 30.0


class Worker:
    """Base of a stack operation, which runs in a thread of its own.

    `start` begins the thread; subclasses implement `run`.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._before: threading.Thread | None = None

    def start(self) -> None:
        """Start the work after the stack's previous operation has ended.

        Call it with the lock held.
        """
        self._before = self.stack.worker
        thread = threading.Thread(target=self._work, name=f"stack {self.stack.name}", daemon=True)
        self.stack.worker = thread
        thread.start()

    def run(self) -> None:
        """Run the operation; subclasses implement it."""
        raise NotImplementedError

    def value(self, logical_id: str, attribute: str | None) -> Any:
        """Return the id or an attribute of a resource of the stack.

        It is an Unknown while the resource does not exist.
        """
        record = self.stack.resources.get(logical_id)
        if record is None or not record.exists:
            return Unknown(logical_id, attribute)
        return (
            record.physical_id if attribute is None else self.handler(record).attribute(record.physical_id, attribute)
        )

    def handler(self, record: StackResource) -> ResourceType:
        """Return the handler of the record's resource type."""

        def refused_start() -> None:
            reason = resource_fault(self.stack.name, record.logical_id)
            if reason:
                raise ResourceFailure(reason)

        context = Context(self.stack.cloud, self.stack.name, record.logical_id, wait_for, refused_start)
        return RESOURCE_TYPES[record.type](context)

    def note(self, record: StackResource, status: str, reason: str = "") -> None:
        """Set the record's state and add its event."""
        with LOCK:
            record.status, record.reason, record.changed = status, reason, now()
            self.stack.note(record.logical_id, record.physical_id, record.type, status, reason)

    def make(self, record: StackResource, verb: str = "CREATE") -> None:
        """Create the record's physical resource.

        Raises ResourceFailure after the event that reports it. `verb` is the event's: a replacement's new resource
        counts as an UPDATE.
        """
        with self._failing(record, f"{verb}_FAILED"):
            reason = resource_fault(self.stack.name, record.logical_id)
            if reason:
                raise ResourceFailure(handler_message(reason))
            handler = self.handler(record)
            with LOCK:
                record.physical_id = handler.create(record.properties, record.tags)
            self.note(record, f"{verb}_IN_PROGRESS", "Resource creation Initiated")
            time.sleep(SETTINGS.seconds_per_resource)
            wait_for(lambda: handler.is_ready(record.physical_id), f"{record.type} {record.physical_id}")
        self.note(record, f"{verb}_COMPLETE")

    def change(self, record: StackResource, properties: dict[str, Any], tags: dict[str, str]) -> None:
        """Give the physical resource other properties and tags.

        Raises ResourceFailure after its event.
        """
        self.note(record, "UPDATE_IN_PROGRESS")
        handler = self.handler(record)
        with self._failing(record, "UPDATE_FAILED"):
            old, old_tags = record.properties, record.tags
            # Keep the new values even if the change fails half-way: a rollback must undo whatever was changed by then.
            record.properties, record.tags = properties, tags
            handler.update(record.physical_id, old, properties)
            if tags != old_tags:
                handler.set_tags(record.physical_id, old_tags, tags)
            time.sleep(SETTINGS.seconds_per_resource)
            wait_for(lambda: handler.is_ready(record.physical_id), f"{record.type} {record.physical_id}")
        self.note(record, "UPDATE_COMPLETE")

    def remove(self, record: StackResource, policy: str) -> None:
        """Delete the physical resource unless the policy retains it.

        Raises ResourceFailure after its event.
        """
        if policy != "Delete":
            self.note(record, "DELETE_SKIPPED")
            return
        if not record.physical_id:
            self.note(record, "DELETE_COMPLETE")
            return
        self.note(record, "DELETE_IN_PROGRESS")
        handler = self.handler(record)
        with self._failing(record, "DELETE_FAILED"):
            try:
                handler.delete(record.physical_id, record.properties)
            except ClientError as error:
                # A resource that somebody removed by hand is already in the wanted state.
                if "NotFound" not in error.response["Error"]["Code"]:
                    raise
            time.sleep(SETTINGS.seconds_per_resource)
            wait_for(lambda: handler.is_gone(record.physical_id), f"the end of {record.type} {record.physical_id}")
        self.note(record, "DELETE_COMPLETE")

    def remove_all(self, records: list[StackResource], policy: Callable[[StackResource], str]) -> list[str]:
        """Delete in reverse dependency order; return the logical ids that remain.

        The dependencies of a resource that remains are left alone too.
        """
        by_id = {record.logical_id: record for record in records}
        sorter = TopologicalSorter({record.logical_id: record.dependencies & by_id.keys() for record in records})
        failed: list[str] = []
        needed: set[str] = set()
        for logical_id in reversed(list(sorter.static_order())):
            record = by_id[logical_id]
            try:
                if logical_id not in needed:
                    self.remove(record, policy(record))
                    continue
            except ResourceFailure:
                failed.append(logical_id)
            needed |= record.dependencies
        return failed

    def _work(self) -> None:
        if self._before is not None:
            self._before.join()
        try:
            self.run()
        except Exception as error:
            # This is a bug: the stack must not stay in progress for ever, and the server's log needs the traceback.
            with LOCK:
                failed = self.stack.status.replace("_CLEANUP", "").replace("_IN_PROGRESS", "_FAILED")
                self.stack.move_to(failed, f"Internal failure: {type(error).__name__}: {error}")
            raise

    @contextmanager
    def _failing(self, record: StackResource, status: str) -> Iterator[None]:
        """Turn any failure inside into the resource's event and a ResourceFailure."""
        try:
            yield
        except ResourceFailure as failure:
            reason = str(failure)
        except ClientError as error:
            reason = reason_of(error, RESOURCE_TYPES[record.type].service)
        except (BotoCoreError, ValidationError) as error:
            reason = handler_message(str(error), "InvalidRequest")
        except Exception as error:
            # A bug here or in moto must end the operation, not hang it, and the server's log needs the traceback.
            _log.exception("%s of stack %s failed", record.logical_id, self.stack.name)
            reason = handler_message(f"Internal failure: {type(error).__name__}: {error}", "InternalFailure")
        else:
            return
        self.note(record, status, reason)
        raise ResourceFailure(reason)


def wait_for(ready: Callable[[], bool], what: str) -> None:
    """Wait until `ready` returns True.

    Raises ResourceFailure when it takes longer than a machine may take to boot.
    """
    limit = SETTINGS.boot_timeout + _MARGIN_SECONDS
    end = time.monotonic() + limit
    pause = _FIRST_POLL_SECONDS
    while not ready():
        if time.monotonic() > end:
            raise ResourceFailure(f"Exceeded attempts to wait: {what} did not stabilize within {limit:.0f} seconds")
        time.sleep(pause)
        pause = min(pause * 1.5, _LAST_POLL_SECONDS)
