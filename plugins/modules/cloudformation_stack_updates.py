"""Change the instance type or tags of many machines through their stacks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudformation_stack_updates
short_description: Change parameters or tags of many stacks that exist, without replacing their machines
description:
  - "Looks first, with read-only requests alone: what differs, whether each machine can become of the wanted type
    (architecture, virtualization, ENA and NVMe, boot mode, EBS root, offered in its zone), whether the vCPU quota
    suffices, and what it costs."
  - Then makes a change set for each stack that differs, with its previous template and the previous value of every
    parameter that is not given. One that would replace the machine, or could for anything but a checked change of type,
    is deleted and refused. The others are executed, polled together with one paginated request per round, and the end
    is read again, from CloudFormation by stack id and from EC2.
  - When an update fails, CloudFormation takes it back; that is waited for, and the first failure is told.
  - A stack that does not differ gets no request that changes anything. One that is busy is waited for.
  - A machine that does not run while its stack is at rest is left alone; one that an update has stopped is not.
  - Change sets that an interrupted run left are deleted before a new one is made.
options:
  instance_logical_id:
    description: Logical id of the machine in the template.
    type: str
    default: Instance
  type_parameter:
    description: Name of the parameter for the machine's type.
    type: str
    default: InstanceType
  submissions_per_second:
    description: Highest rate of requests that change something.
extends_documentation_fragment:
  - probcomp_stacks.changes
  - probcomp_account.prices
  - probcomp_aws
attributes:
  check_mode:
    description: Looks only, and says what would be done. A change set is not made.
    support: full
  diff_mode:
    description: Shows the parameters and tags that change, of each machine.
    support: full
"""

EXAMPLES = r"""
- name: Give the machine another type, and somebody its cost
  cloudformation_stack_updates:
    stacks:
      - name: probcomp-stack-alice
        user: alice
        parameters: {InstanceType: c5.4xlarge}
        tags: {owner: Alice B., note: ""}
  register: updated
"""

RETURN = r"""
stacks:
  description: What became of each stack, by user.
  returned: always
  type: dict
  contains:
    status:
      description: C(ready), C(failed), or C(resting) for a machine that does not run and is left alone; in check mode
        C(planned) for what would be changed.
      type: str
    changed:
      description: Whether an update was submitted, also one that was taken back.
      type: bool
    stack_status:
      description: CloudFormation's word for its state.
      type: str
    reason:
      description: Why it failed, in words.
      type: str
    instance_id:
      description: The machine at the end.
      type: str
    instance_type:
      description: Its type at the end, as EC2 says.
      type: str
    image:
      description: Its image.
      type: str
    state:
      description: Its state.
      type: str
problems:
  description: What must be put right first, one line each. Nothing was changed for anybody.
  returned: always
  type: list
  elements: str
failed_users:
  description: Those whose stack failed, or cannot be changed.
  returned: always
  type: list
  elements: str
skipped_users:
  description: Whose machines do not run and are left alone.
  returned: success
  type: list
  elements: str
changed_users:
  description: Those for whom something was changed, or would be in check mode.
  returned: always
  type: list
  elements: str
plan_lines:
  description: For people, what would be changed and what it costs.
  returned: always
  type: list
  elements: str
result_lines:
  description: For people, what became of each machine that changed or failed.
  returned: always
  type: list
  elements: str
"""

from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import Clock
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.aws.region_state import Survey, survey
from ansible_collections.probcomp.stack.plugins.module_utils.aws.stack_statuses import is_busy
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.api import StackApi
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.batch import run_batch, verify_ready
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.job import jobs_of
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.update import (
    StackUpdater,
    UpdateJob,
    difference,
    differs,
    refusal,
)
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.verify import (
    result_lines,
    verify_machines,
)
from ansible_collections.probcomp.stack.plugins.module_utils.common.argument_specs import PRICES, STACKS
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.resize import ResizePlan, plan_resize, price_list

ARGUMENTS = {
    **STACKS,
    "instance_logical_id": {"type": "str", "default": "Instance"},
    "type_parameter": {"type": "str", "default": "InstanceType"},
    **PRICES,
}


def predict_results(jobs: list[UpdateJob], seen: Survey, plan: ResizePlan, region: str) -> None:
    """Set the results that a run would have, for check mode."""
    for job in jobs:
        stack = seen.stacks.get(job.name)
        if job.result or stack is None:
            continue
        try:
            job.is_changed = differs(job, stack)
        except ValueError as error:
            plan.faults[job.user] = str(error)
        reason = plan.faults.get(job.user, "")
        if not reason and not is_busy(stack["StackStatus"]):
            reason = refusal(job, stack, region)
        job.finish("failed" if reason else "planned" if job.is_changed else "ready", stack, reason)


def finish_rejected(jobs: list[UpdateJob], seen: Survey, plan: ResizePlan) -> None:
    """Set the results of jobs that cannot be updated."""
    for job in jobs:
        stack = seen.stacks.get(job.name)
        if stack is None:
            job.finish("failed", None, f"there is no such machine: stack_create.yml -e user={job.user} makes it")
        elif job.user in plan.resting:
            job.finish("resting", stack)
        elif plan.problems:
            job.finish("failed", stack, plan.problems[0])
        elif job.user in plan.faults:
            job.finish("failed", stack, plan.faults[job.user])


def main() -> None:
    """Run the module."""
    module = AwsModule(ARGUMENTS)
    params = module.params
    try:
        jobs = jobs_of(UpdateJob, params["stacks"], params["submissions_per_second"])
    except ValueError as error:
        module.fail_json(msg=str(error))
    clients, clock = module.raising_clients(), Clock()
    listed = price_list(clients, params["price_cache"])
    with module.explained():
        api = StackApi(clients.client("cloudformation"), clock, params["submissions_per_second"])
        seen = survey(clients)
        plan = plan_resize(clients, seen, jobs, params["type_parameter"], params["instance_logical_id"], listed)
        finish_rejected(jobs, seen, plan)
        differences = {job.user: difference(job, seen.stacks[job.name]) for job in jobs if job.name in seen.stacks}
        if module.check_mode:
            predict_results(jobs, seen, plan, api.region)
        else:
            updater = StackUpdater(api, clock, params["instance_logical_id"])
            pending = [job for job in jobs if not job.result]
            run_batch(pending, updater, api, seen.stacks, clock, params["timeout"], "updated")
            verify_ready(jobs, api)
        verify_machines(clients, jobs, params["type_parameter"], is_end=not module.check_mode)
    try:
        if not module.check_mode:
            listed.save()
    except OSError as error:
        module.warn(f"prices cannot be kept in {params['price_cache']} ({error.strerror})")
    changed = [job.user for job in jobs if job.is_changed]
    module.exit_json(
        changed=bool(changed),
        diff=[differences[job.user] for job in jobs if job.is_changed and job.result["status"] != "failed"],
        stacks={job.user: job.result for job in jobs},
        problems=plan.problems,
        failed_users=[job.user for job in jobs if job.result["status"] == "failed"],
        changed_users=changed,
        skipped_users=plan.resting,
        plan_lines=plan.lines,
        result_lines=result_lines(jobs),
    )


if __name__ == "__main__":
    main()
