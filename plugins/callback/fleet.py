"""Print short output for administrators of forty machines.

It has one line per failure, plain text for plans, and a summary at the end.

ansible.cfg sets it as stdout_callback. It writes to the terminal only. With -v it is Ansible's default output.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet
type: stdout
short_description: One line per failure, plans as plain text, and a summary of the fleet
description:
  - Without C(-v), a failure is one line C(FAILED alice) with the reason; several problems of a task that runs once
    for all are one line each. Tasks that change nothing show their name alone, and skipped ones nothing.
  - The text of C(debug) is printed as it is, a list one entry per line.
  - At the end, machines are counted for which there was a task, were it one to skip; a command that only did something
    once for all of them counts none. Those that were left alone because they do not run are
    not counted as ok. Those that failed are named, with the first reason of each unless it stands right above. Warnings
    stay. What was changed for all at once is named by its tasks.
  - With C(-v) and above everything is shown as Ansible's default output does.
  - Control characters in text from machines are removed. On a terminal long lines are broken at blanks, commands not.
  - While a task takes long, a status line tells how many machines of how many are ready, which are late, and how long
    the task has been running. On a terminal the line is rewritten in its place, and erased before anything else is
    shown; elsewhere, and with C(-v), it is an ordinary line now and then.
options:
  status_delay:
    description: Seconds after which a terminal shows the status line of a task; 0 shows none.
    type: float
    default: 5
    env:
      - name: PROBCOMP_STATUS_DELAY
    ini:
      - section: callback_fleet
        key: status_delay
  status_interval:
    description: Seconds between two status lines where the output is no terminal, or with C(-v); 0 shows none.
    type: float
    default: 30
    env:
      - name: PROBCOMP_STATUS_INTERVAL
    ini:
      - section: callback_fleet
        key: status_interval
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as stdout in configuration
"""

import pathlib

from ansible import constants as C
from ansible.executor.stats import AggregateStats
from ansible.executor.task_result import CallbackTaskResult
from ansible.inventory.host import Host
from ansible.playbook import Playbook
from ansible.playbook.task import Task
from ansible_collections.probcomp.stack.plugins.module_utils.output.results import any_text
from ansible_collections.probcomp.stack.plugins.module_utils.output.run_summary import (
    DO_WHAT_IS_MISSING,
)
from ansible_collections.probcomp.stack.plugins.module_utils.output.task_failures import (
    failure_lines,
    unreachable_line,
    without_name,
)
from ansible_collections.probcomp.stack.plugins.module_utils.output.text import one_line
from ansible_collections.probcomp.stack.plugins.module_utils.progress.display import Status
from ansible_collections.probcomp.stack.plugins.module_utils.progress.terminal import publish_columns
from ansible_collections.probcomp.stack.plugins.plugin_utils.short_output import (
    ShortOutput,
    is_check_mode,
    is_message,
    speaks_for_all,
)

_SILENT_ACTIONS = (
    *C._ACTION_DEBUG,
    *C._ACTION_META,
    *C._ACTION_ALL_INCLUDES,
    "ansible.builtin.validate_argument_spec",
)
"""Actions whose tasks are named only when they have output."""


class CallbackModule(ShortOutput):
    """Callback with short output at normal verbosity, else the default output."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "fleet"

    def __init__(self) -> None:
        super().__init__()
        self._status: Status | None = None
        self._does_what_is_missing = False

    # Banners

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        """Keep what is true of the command, and tell its modules how wide the terminal is."""
        publish_columns()
        self._does_what_is_missing = pathlib.PurePath(playbook._file_name).name in DO_WHAT_IS_MISSING
        super().v2_playbook_on_start(playbook)

    def _task_start(self, task: Task, prefix: str | None = None) -> None:
        self._begin_status(task)
        if not self._is_short:
            super()._task_start(task, prefix)
            return
        self._end_task()
        self._last_task_name = task.get_name().strip()
        # A task with a condition may be skipped everywhere, so its name comes with its first result. A task without one
        # may take minutes, and people want to know what the command waits for.
        if not task.when and task.action not in _SILENT_ACTIONS:
            self._print_task_banner(task)

    # The status line, and the machines for which it waits

    def _begin_status(self, task: Task) -> None:
        if self._status is None:
            # Ansible makes this private folder for the command and removes it at the end.
            folder = pathlib.Path(C.DEFAULT_LOCAL_TMP)
            delay, interval = self.get_option("status_delay"), self.get_option("status_interval")
            self._status = Status(self._display, folder, delay, interval)
        # The name of the task's role would leave no room for machines.
        self._status.begin((task.name or task.get_name()).strip())

    def v2_runner_on_start(self, host: Host, task: Task) -> None:
        """Record the start of the task on a machine."""
        if self._status:
            self._status.start_host(host.get_name())
        super().v2_runner_on_start(host, task)

    def _end_host(self, result: CallbackTaskResult, is_failed: bool = False) -> None:
        if self._status:
            self._status.end_host(result.host.get_name(), is_failed)

    # Results

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """Print the text of debug, and record changed machines."""
        self._end_host(result)
        self._see(result)
        if not self._is_short:
            super().v2_runner_on_ok(result)
            return
        self._handle_warnings(result.result)
        if "results" in result.result and result.task.loop:
            return  # The items were already printed one by one.
        if is_message(result):
            self._print_message(result)
        elif result.task.action in C._ACTION_DEBUG:
            super().v2_runner_on_ok(result)
        elif result.result.get("changed", False):
            self._print_task_banner(result.task)
            users = result.result.get("changed_users")
            if speaks_for_all(result) and isinstance(users, list) and all(isinstance(user, str) for user in users):
                # A task that runs once for all machines returns in changed_users those that it changed.
                self._summary.changed_machines.update(users)
                self._changed_hosts.extend(users)
                return
            self._add_change(result)
            if speaks_for_all(result):
                self._display.display("  changed", color=C.COLOR_CHANGED)
            else:
                self._changed_hosts.append(result.host.get_name())

    def v2_runner_item_on_ok(self, result: CallbackTaskResult) -> None:
        """Print a changed item by its label."""
        if not self._is_short:
            super().v2_runner_item_on_ok(result)
            return
        self._handle_warnings(result.result)
        if is_message(result):
            self._print_message(result)
        elif result.result.get("changed", False):
            self._print_task_banner(result.task)
            label = one_line(any_text(self._get_item_label(result.result)), limit=80)
            host = result.host.get_name()
            self._add_change(result)
            whose = label if speaks_for_all(result) or label == host else f"{host}: {label}"
            self._display.display(f"  changed: {whose}", color=C.COLOR_CHANGED)

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        """Print one line: FAILED, the machine, the reason."""
        self._end_host(result, is_failed=not ignore_errors)
        self._see(result)
        lines = failure_lines(result.result, result.task.get_name(), keep_lines=speaks_for_all(result))
        if not ignore_errors:
            self._add_failure(result, lines[0])
        if not self._is_short:
            super().v2_runner_on_failed(result, ignore_errors)
            return
        self._handle_warnings(result.result)
        if "results" in result.result and result.task.loop:
            return  # The items were already printed one by one.
        self._print_failure(result, lines, "ignored" if ignore_errors else "FAILED")
        self._summary.shown_just_now.add(result.host.get_name())

    def v2_runner_item_on_failed(self, result: CallbackTaskResult) -> None:
        """Print one line for a failed item."""
        lines = failure_lines(result.result, result.task.get_name(), keep_lines=speaks_for_all(result))
        if not result.task.ignore_errors:
            self._add_failure(result, lines[0])
        if not self._is_short:
            super().v2_runner_item_on_failed(result)
            return
        self._handle_warnings(result.result)
        label = one_line(any_text(self._get_item_label(result.result)), limit=80)
        self._print_failure(result, [f"{label}: {line}" for line in lines], "FAILED")

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        """Print one line: UNREACHABLE, the machine, the reason, and what to do."""
        self._end_host(result, is_failed=not result.task.ignore_unreachable)
        line = unreachable_line(result.result)
        if not result.task.ignore_unreachable:
            self._add_failure(result, line)
        if not self._is_short:
            super().v2_runner_on_unreachable(result)
            return
        self._handle_warnings(result.result)
        self._print_failure(result, [line], "UNREACHABLE")
        self._summary.shown_just_now.add(result.host.get_name())

    def _add_change(self, result: CallbackTaskResult) -> None:
        name = one_line((result.task.name or result.task.get_name()).strip())
        self._summary.add_change(result.host.get_name(), speaks_for_all(result), name)

    def _add_failure(self, result: CallbackTaskResult, line: str) -> None:
        host = result.host.get_name()
        self._summary.add_failure(host, without_name(line, host), speaks_for_all(result))

    def _see(self, result: CallbackTaskResult) -> None:
        skipped = result.result.get("skipped_users")
        if speaks_for_all(result) and isinstance(skipped, list):
            self._summary.skipped_machines.update(user for user in skipped if isinstance(user, str))
        if not speaks_for_all(result) and result.task.action not in _SILENT_ACTIONS:
            self._summary.seen_machines.add(result.host.get_name())

    # Output of the default callback that is not needed

    def v2_runner_on_skipped(self, result: CallbackTaskResult) -> None:
        """Print warnings only.

        A machine that had nothing to do in a play took part in it.
        """
        self._end_host(result)
        self._see(result)
        if not self._is_short:
            super().v2_runner_on_skipped(result)
            return
        self._handle_warnings(result.result)

    # The end

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        """Print the summary: a recap in one line, and the failed machines with reasons.

        The reason of a machine is its first one.
        """
        if self._status:
            self._status.stop()
        self._end_task()
        failed = [host for host in stats.processed if stats.failures.get(host) or stats.dark.get(host)]
        color = C.COLOR_ERROR if set(failed) - {"localhost"} else C.COLOR_OK
        if not self._is_short:
            super().v2_playbook_on_stats(stats)
        elif not stats.processed:
            self._display.display("nothing to do: no machine matched")
        elif recap := self._summary.recap(stats.processed, failed, is_check_mode()):
            self._display.display("")
            for line in recap.splitlines():
                self._say(line, color)
        if failures := self._summary.failures(failed):
            self._say(failures, C.COLOR_ERROR)
            if self._does_what_is_missing and not is_check_mode():
                self._display.display("The same command again does only what is missing.")
        if self._is_short and is_check_mode():
            self._display.display("check mode: nothing was changed")
