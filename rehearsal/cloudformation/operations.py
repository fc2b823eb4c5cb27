"""Create and delete stacks; updates are in `update`."""

from rehearsal.cloudformation import parameters
from rehearsal.cloudformation.errors import ResourceFailure, ServiceException
from rehearsal.cloudformation.evaluation import Evaluation
from rehearsal.cloudformation.stacks import Stack, StackResource, now
from rehearsal.cloudformation.worker import Worker
from rehearsal.lock import LOCK


class Create(Worker):
    """The creation of all resources of a new stack.

    If one fails, the resources are deleted again.
    """

    def run(self) -> None:
        """Run the operation."""
        stack = self.stack
        evaluation = stack.evaluation(stack.intent, self.value)
        problem = parameters.nonexistent(stack.intent.parameters, stack.cloud)
        if problem:
            self._fail(problem)
            return
        try:
            present = evaluation.present
        except ServiceException as error:
            self._fail(error.message)
            return
        for logical_id in present:
            if stack.cancelled.is_set():
                return
            try:
                create_resource(self, evaluation, logical_id)
            except ResourceFailure:
                self._fail(f"The following resource(s) failed to create: [{logical_id}]")
                return
        self._finish(evaluation)

    def _finish(self, evaluation: Evaluation) -> None:
        outputs, problem = outputs_of(evaluation)
        if problem:
            self._fail(problem)
            return
        with LOCK:
            if not self.stack.cancelled.is_set():
                self.stack.outputs = outputs
                self.stack.move_to("CREATE_COMPLETE")

    def _fail(self, reason: str) -> None:
        stack = self.stack
        if stack.cancelled.is_set():
            return
        with LOCK:
            stack.move_to("ROLLBACK_IN_PROGRESS", f"{reason}. Rollback requested by user.")
        delete_stack(self, "ROLLBACK", frozenset())


class Delete(Worker):
    """The deletion of a stack's resources, except those that are retained."""

    def __init__(self, stack: Stack, retained: frozenset[str]) -> None:
        super().__init__(stack)
        self.retained = retained

    def run(self) -> None:
        """Run the operation."""
        delete_stack(self, "DELETE", self.retained)


def create_resource(worker: Worker, evaluation: Evaluation, logical_id: str) -> StackResource:
    """Create a resource that the stack does not have yet.

    Raises ResourceFailure after the events that report it.
    """
    record = new_record(evaluation, logical_id)
    with LOCK:
        worker.stack.resources[logical_id] = record
    worker.note(record, "CREATE_IN_PROGRESS")
    fill(worker, record, evaluation, "CREATE_FAILED")
    worker.make(record)
    return record


def new_record(evaluation: Evaluation, logical_id: str) -> StackResource:
    """Return a new record of a resource in the template, without its properties."""
    resource = evaluation.template.resources[logical_id]
    return StackResource(
        logical_id,
        resource["Type"],
        dependencies=evaluation.template.dependencies(logical_id),
        deletion_policy=resource.get("DeletionPolicy", "Delete"),
        update_replace_policy=resource.get("UpdateReplacePolicy", "Delete"),
    )


def fill(worker: Worker, record: StackResource, evaluation: Evaluation, failed_status: str) -> None:
    """Set the record's properties and tags.

    Raises ResourceFailure, with its event, if they are wrong.
    """
    try:
        properties = evaluation.checked_properties(record.logical_id)
        tags = evaluation.tags(record.logical_id)
    except ResourceFailure as failure:
        worker.note(record, failed_status, str(failure))
        raise
    except ServiceException as error:
        worker.note(record, failed_status, error.message)
        raise ResourceFailure(error.message) from error
    record.properties, record.tags = properties, tags


def outputs_of(evaluation: Evaluation) -> tuple[list[dict[str, str]], str]:
    """Return the stack's outputs and an empty text, or no outputs and the error."""
    try:
        return evaluation.outputs(), ""
    except ServiceException as error:
        return [], error.message


def delete_stack(worker: Worker, verb: str, retained: frozenset[str]) -> None:
    """Delete all resources and end the stack as `verb` says: DELETE or ROLLBACK."""
    stack = worker.stack
    records = [
        record for record in stack.resources.values() if record.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED")
    ]
    rollback = verb == "ROLLBACK"

    def policy(record: StackResource) -> str:
        if record.logical_id in retained:
            return "Retain"
        return "Delete" if rollback and record.deletion_policy == "RetainExceptOnCreate" else record.deletion_policy

    failed = worker.remove_all(records, policy)
    with LOCK:
        if rollback and stack.cancelled.is_set():
            # A delete operation waits for this rollback to end and reports its own result.
            return
        if failed:
            stack.move_to(f"{verb}_FAILED", f"The following resource(s) failed to delete: [{', '.join(failed)}]. ")
            return
        if not rollback:
            stack.deleted = now()
        stack.outputs = []
        stack.move_to(f"{verb}_COMPLETE")
