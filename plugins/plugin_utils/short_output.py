"""Shorten Ansible's default output; -v shows all of it."""

from __future__ import annotations

from typing import Any

from ansible import constants as C
from ansible import context
from ansible.executor.task_result import CallbackTaskResult
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.plugins.callback.default import CallbackModule as DefaultCallback
from ansible.utils.color import stringc
from ansible_collections.probcomp.stack.plugins.module_utils.output.host_summary import short_names
from ansible_collections.probcomp.stack.plugins.module_utils.output.results import any_text
from ansible_collections.probcomp.stack.plugins.module_utils.output.run_summary import RunSummary
from ansible_collections.probcomp.stack.plugins.module_utils.output.task_failures import without_name
from ansible_collections.probcomp.stack.plugins.module_utils.output.text import one_line, printable_lines
from ansible_collections.probcomp.stack.plugins.module_utils.output.wrap import wrapped
from ansible_collections.probcomp.stack.plugins.module_utils.progress.terminal import columns

_MOST_WARNINGS = 20
"""Warnings of one result that are shown."""
_LONGEST_LINE = 10_000
_DIFF_COLORS = {"+": C.COLOR_DIFF_ADD, "-": C.COLOR_DIFF_REMOVE, "@": C.COLOR_DIFF_LINES}


class ShortOutput(DefaultCallback):
    """Default callback without uninformative lines at normal verbosity."""

    def __init__(self) -> None:
        super().__init__()
        self._last_task_banner: str | None = None
        self._unprinted_play: str | None = None
        self._changed_hosts: list[str] = []
        self._summary = RunSummary()

    @property
    def _is_short(self) -> bool:
        return self._display.verbosity == 0

    def _handle_warnings(self, res: Any) -> None:
        """Print a module's warnings in printable form, those of a machine as its words.

        Their text may come from a hostile machine: core prints it unchanged, and without the machine's name it would
        read like a warning of ours about another one.
        """
        machine = self._machine()
        for kind in ("warnings", "deprecations"):
            entries = res.pop(kind, None)
            for entry in entries[:_MOST_WARNINGS] if isinstance(entries, list) else ():
                words = one_line(any_text(entry.get("msg", "") if isinstance(entry, dict) else entry))
                self._display.warning(f'from {machine}: "{words}"' if machine else words)

    def _handle_exception(self, result: Any, use_stderr: bool = False) -> None:
        """Leave a machine's exception in the result, which -v shows as JSON.

        Core would print its text unchanged, with line breaks and control characters.
        """
        if not self._machine():
            super()._handle_exception(result, use_stderr)

    def _get_diff(self, difflist: Any) -> str:
        """Return a difference as text.

        That of a machine is printable, below its name and indented.
        """
        machine = self._machine()
        try:
            text = str(super()._get_diff(difflist))
        except (AttributeError, KeyError, TypeError, ValueError):
            text = "a difference that makes no sense"
        if not machine or not text:
            return text
        lines = [stringc(line, _DIFF_COLORS.get(line[:1], "normal")) for line in printable_lines(text)]
        return "\n  ".join([f"{machine}:", *lines])

    def _machine(self) -> str:
        """Return the machine of the current result, "" for the whole command's."""
        result = self._current_task_result
        return "" if result is None or speaks_for_all(result) else str(result.host.get_name())

    def v2_playbook_on_play_start(self, play: Play) -> None:
        """Keep the play's name until one of its tasks has output."""
        if not self._is_short:
            super().v2_playbook_on_play_start(play)
            return
        self._end_task()
        self._play = play
        self._unprinted_play = play.get_name().strip()

    def _print_task_banner(self, task: Task) -> None:
        if not self._is_short:
            super()._print_task_banner(task)
            return
        if self._last_task_banner == task._uuid:
            return
        self._last_task_banner = task._uuid
        self._summary.shown_just_now.clear()
        # The mark is not for a task that only reads in a run that does change things.
        mode = " (check mode)" if task.check_mode and is_check_mode() else ""
        if self._unprinted_play:
            self._display.display(f"\n== {self._unprinted_play}{mode}")
            self._unprinted_play = None
        self._display.display(f"- {one_line(self._last_task_name or task.get_name())}")

    def _end_task(self) -> None:
        """Print the machines that the ended task changed.

        Forty lines of one word would hide the important ones.
        """
        if self._changed_hosts:
            self._say(f"  changed: {short_names(self._changed_hosts)}", C.COLOR_CHANGED)
            self._changed_hosts = []

    def _say(self, text: str, color: str | None = None, stderr: bool = False) -> None:
        """Print a line, on a terminal broken at blanks where it is too long."""
        self._display.display("\n".join(wrapped(text, columns())), color=color, stderr=stderr)

    def _print_failure(self, result: CallbackTaskResult, lines: list[str], word: str) -> None:
        self._end_task()
        self._print_task_banner(result.task)
        whose = "" if speaks_for_all(result) else f" {result.host.get_name()}"
        color = C.COLOR_SKIP if word == "ignored" else C.COLOR_ERROR
        for line in lines:
            text = line if speaks_for_all(result) else without_name(line, result.host.get_name())
            self._say(f"{word}{whose}: {text}", color, self.get_option("display_failed_stderr"))

    def _print_message(self, result: CallbackTaskResult) -> None:
        message = result.result["msg"]
        self._end_task()
        whose = "" if speaks_for_all(result) else f"{result.host.get_name()}: "
        # An entry of a list is one line, whatever is in it: a file's name with a line break adds no line of its own.
        lines = [" ".join(printable_lines(any_text(entry))) for entry in message] if isinstance(message, list) else None
        for line in (printable_lines(any_text(message)) or [""]) if lines is None else lines:
            self._say(f"{whose}{line[:_LONGEST_LINE]}")

    def v2_runner_item_on_skipped(self, result: CallbackTaskResult) -> None:
        """Print nothing."""
        if not self._is_short:
            super().v2_runner_item_on_skipped(result)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Print nothing."""
        if not self._is_short:
            super().v2_playbook_on_include(included_file)

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Print nothing.

        The play is for machines that dropped out, or of a kind that does not exist here.
        """
        if not self._is_short:
            super().v2_playbook_on_no_hosts_matched()

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        """Print nothing, because the summary names the failed machines."""
        if not self._is_short:
            super().v2_playbook_on_no_hosts_remaining()

    def v2_runner_retry(self, result: CallbackTaskResult) -> None:
        """Print nothing, because a retry is no result."""
        if not self._is_short:
            super().v2_runner_retry(result)


def is_message(result: CallbackTaskResult) -> bool:
    """Return whether the result is the text of a debug task."""
    return result.task.action in C._ACTION_DEBUG and isinstance(result.result.get("msg"), str | list)


def is_check_mode() -> bool:
    """Return whether the command runs with --check."""
    return bool(context.CLIARGS.get("check"))


def speaks_for_all(result: CallbackTaskResult) -> bool:
    """Return whether the result concerns the whole command, not only its machine.

    Ansible files such a result under one machine.
    """
    return bool(result.task.run_once) or result.host.get_name() == "localhost"
