"""Ansible's default output without what nobody needs; with -v all of it."""

from __future__ import annotations

from typing import Any

from ansible import constants as C
from ansible import context
from ansible.executor.task_result import CallbackTaskResult
from ansible.plugins.callback.default import CallbackModule as DefaultCallback
from ansible_collections.probcomp.stack.plugins.module_utils.output.text import one_line


class ShortOutput(DefaultCallback):
    """The default callback, silent at normal verbosity about what is no news."""

    @property
    def _is_short(self) -> bool:
        return self._display.verbosity == 0

    def _handle_warnings(self, res: Any) -> None:
        """Print what a module warned of; its words may be a hostile machine's, and core prints them as they are."""
        for entry in (*(res.pop("warnings", None) or ()), *(res.pop("deprecations", None) or ())):
            words = entry.get("msg", "") if isinstance(entry, dict) else entry
            self._display.warning(one_line(str(words)))

    def v2_runner_item_on_skipped(self, result: CallbackTaskResult) -> None:
        """Print nothing."""
        if not self._is_short:
            super().v2_runner_item_on_skipped(result)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Print nothing."""
        if not self._is_short:
            super().v2_playbook_on_include(included_file)

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Print nothing: a play on machines that dropped out, or of a kind that nobody has."""
        if not self._is_short:
            super().v2_playbook_on_no_hosts_matched()

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        """Print nothing: the summary names those that failed."""
        if not self._is_short:
            super().v2_playbook_on_no_hosts_remaining()

    def v2_runner_retry(self, result: CallbackTaskResult) -> None:
        """Print nothing: waiting is no news."""
        if not self._is_short:
            super().v2_runner_retry(result)


def is_message(result: CallbackTaskResult) -> bool:
    """Tell whether the result is text that a task of debug prints."""
    return result.task.action in C._ACTION_DEBUG and isinstance(result.result.get("msg"), str | list)


def is_check_mode() -> bool:
    """Tell whether the command runs with --check."""
    return bool(context.CLIARGS.get("check"))


def speaks_for_all(result: CallbackTaskResult) -> bool:
    """Tell whether the result is about the command as a whole, not about the machine that it was filed under."""
    return bool(result.task.run_once) or result.host.get_name() == "localhost"
