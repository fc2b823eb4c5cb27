"""Convert the names given by -e to a checked list of machines.

Values of -e are code to Ansible: a template that names them runs their contents. Therefore this plugin takes them
unevaluated from the task's variables, and a play evaluates only the plugin's result. It reads a roster, and writes
nothing.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.probcomp.stack.plugins.module_utils.commands import extra_vars
from ansible_collections.probcomp.stack.plugins.module_utils.commands import roster as rosters
from ansible_collections.probcomp.stack.plugins.module_utils.common import names as probcomp_names

_WAYS = 'user=alice, users=ws-3,ws-17, "base=ws low=1 high=40" or roster=people.csv'
_MOST_PROBLEMS = 30


class ActionModule(ActionBase):
    """Action that returns `machines`, one entry each, and a `label` for files."""

    _VALID_ARGS = frozenset({"names_required", "settings_required", "settings_taken"})
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check the names and settings in `task_vars`.

        A failure has one line per problem.
        """
        super().run(tmp, task_vars)
        arguments = {
            "names_required": {"type": "bool", "default": True},
            "settings_required": {"type": "list", "elements": "str", "default": []},
            "settings_taken": {"type": "list", "elements": "str", "default": []},
        }
        _result, options = self.validate_argument_spec(argument_spec=arguments)
        found = Names(task_vars or {}, options["names_required"])
        given = load_extra_vars(self._loader)
        found.check_settings(given)
        found.problems.extend(
            f"say which {name}: -e {name}=..." for name in options["settings_required"] if name not in given
        )
        taken = options["settings_taken"]
        if taken:
            found.check_taken(given, taken)
        if found.problems:
            shown = found.problems[:_MOST_PROBLEMS]
            if rest := len(found.problems) - len(shown):
                shown.append(f"and {rest} more problems")
            return {"failed": True, "msg": "\n".join(shown)}
        settings = {name: _plain(given[name]) for name in taken if name in given}
        return {"changed": False, "machines": found.machines, "label": found.label, "settings": settings}


class Names:
    """Machines named by `variables`, or `problems` as text."""

    def __init__(self, variables: dict[str, Any], required: bool) -> None:
        self.machines: list[dict[str, Any]] = []
        self.label = ""
        self.problems: list[str] = []
        readers: dict[str, Callable[[dict[str, Any]], None]] = {
            "user": self._read_user,
            "users": self._read_users,
            "base": self._read_fleet,
            "roster": self._read_roster,
        }
        given = [way for way in readers if way in variables]
        range_only = [name for name in ("low", "high") if name in variables and "base" not in variables]
        if len(given) > 1:
            self.problems.append(f"names are given in {len(given)} ways, {' and '.join(given)}: choose one, -e {_WAYS}")
        elif range_only:
            self.problems.append(f'{" and ".join(range_only)} without base: give -e "base=ws low=1 high=40"')
        elif given:
            readers[given[0]](variables)
        elif required:
            self.problems.append(f"no machine is named: give -e {_WAYS}")
        if len(self.machines) > probcomp_names.MACHINES_PER_NETWORK:
            self.problems.append(
                f"{len(self.machines)} machines are named: a network carries at most "
                f"{probcomp_names.MACHINES_PER_NETWORK}, so name them in several commands with a network= for each"
            )

    def check_settings(self, given: dict[str, Any]) -> None:
        """Add a problem for each malformed setting in `given`, those of -e."""
        found = (extra_vars.setting_problem(name, given[name]) for name in sorted(given))
        self.problems.extend(problem for problem in found if problem)

    def check_taken(self, given: dict[str, Any], taken: list[str]) -> None:
        """Add a problem unless `given` has one of the settings `taken` and no other.

        `given` is of -e. No machine names are allowed either.
        """
        if ways := [way for way in ("user", "users", "base", "roster") if way in given]:
            self.problems.append(f"{'= and '.join(ways)}= name machines to be made; those that exist are chosen by -l")
        for name in extra_vars.FOR_LIFE:
            if name in given and name not in taken:
                self.problems.append(
                    f"{name}= is for a machine's life, and another would cost the disk with the home: make another "
                    "machine with it (stack_create.yml) and bring the home over (scripts/get, scripts/put)"
                )
        if not any(name in given for name in taken):
            known = ", ".join(f"{name}=" for name in taken)
            self.problems.append(f"say what to change: -e with one or more of {known}")

    def _read_user(self, variables: dict[str, Any]) -> None:
        user = variables["user"]
        names = [part.strip() for part in user.split(",")] if isinstance(user, str) else []
        if len(names) > 1 and all(probcomp_names.USER_NAME.fullmatch(name) for name in names):
            self.problems.append(f"user={probcomp_names.shown(user)} is more than one: give users={','.join(names)}")
        elif self._is_valid(user):
            self._add(user)
            self.label = self.machines[0]["user"]

    def _read_users(self, variables: dict[str, Any]) -> None:
        users = variables["users"]
        if isinstance(users, str):
            users = [part.strip(" ") for part in users.split(",")]
        elif not isinstance(users, list):
            users = [users]
        for user in users:
            if self._is_valid(user):
                self._add(user)
        names = [machine["user"] for machine in self.machines]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.problems.append(f"{name} is named twice in users=")
        if names:
            self.label = names[0] if len(names) == 1 else f"{names[0]}-and-{len(names) - 1}-more"

    def _read_fleet(self, variables: dict[str, Any]) -> None:
        base = variables["base"]
        missing = [name for name in ("low", "high") if name not in variables]
        if missing:
            wanted = '"base=ws low=1 high=40" (the ansible-playbook of .venv takes it without the quotes too)'
            self.problems.append(f"base={probcomp_names.shown(base)} without {' and '.join(missing)}: give -e {wanted}")
            return
        try:
            users = probcomp_names.fleet_users(base, variables["low"], variables["high"])
        except probcomp_names.InvalidName as error:
            self.problems.append(str(error))
            return
        self.label = _plain(base)
        for user in users:
            self._add(user, fleet=self.label)

    def _read_roster(self, variables: dict[str, Any]) -> None:
        given = variables["roster"]
        if not isinstance(given, str) or not given or extra_vars.has_template(given):
            self.problems.append(f"roster={probcomp_names.shown(given)}: give the name of a CSV file")
            return
        path = pathlib.Path(_plain(given)).expanduser()
        self.label = path.stem
        self._is_valid(path.stem, "roster file's name, which becomes the fleet's,")
        roster = rosters.read_roster(path)
        self.problems.extend(roster.problems)
        for user, settings in roster.settings.items():
            self._add(user, fleet=path.stem, settings=settings)
        if path.stem in roster.settings:
            self.problems.append(
                f"{path.stem} would be a user and also the fleet, named after the roster file: rename the file"
            )

    def _is_valid(self, name: object, what: str = "user name") -> bool:
        try:
            probcomp_names.check_user_name(name, what)
        except probcomp_names.InvalidName as error:
            self.problems.append(str(error))
            return False
        return True

    def _add(self, user: str, fleet: str = "", settings: dict[str, str] | None = None) -> None:
        self.machines.append({"user": _plain(user), "fleet": fleet, "settings": settings or {}})


def _plain(text: str) -> str:
    # Ansible marks strings of -e and may evaluate them as templates; a copy has no such mark.
    return "".join(list(text))
