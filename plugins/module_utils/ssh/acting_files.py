"""Names of files on which common programs act as soon as they see them.

Shell prompts, editors and file managers read some files of a folder unasked, and run what is in them: git runs
`core.fsmonitor` of a repository for `git status`, direnv an `.envrc`, an editor the tasks of `.vscode`. Nothing of the
kind may come from a machine into a folder that the administrator enters. Standard library only.

Left in are files that act only when their program is called for them (Makefile, package.json, conftest.py), those that
only choose a version or a format (.nvmrc, .editorconfig), and those that git reads only in a repository (.gitmodules,
.gitattributes): no repository comes.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

ACTING = (
    # Version control. git~1 is Windows' short name of .git.
    *(".git", "git~1", ".hg", ".svn", ".bzr", ".jj", ".sl", "_darcs", ".fslckout", "_fossil_"),
    # Shells that act on a change of the folder: direnv, autoenv, dotenv, smartcd, rvm, mise and asdf.
    *(".envrc", ".direnv", ".env", ".env.*", ".autoenv*", ".bash_enter", ".bash_leave", ".rvmrc"),
    *(".mise*", "mise.toml", "mise.*.toml", ".rtx.toml", ".tool-versions"),
    # Editors: VS Code, JetBrains, Visual Studio, Zed, Helix, Kakoune, Emacs, vi and Vim.
    *(".vscode", "*.code-workspace", ".devcontainer*", ".idea", ".fleet", ".vs", ".zed", ".helix", ".kakrc*"),
    *(".dir-locals*.el", ".emacs.desktop*", ".exrc", "_exrc", ".vimrc", "_vimrc", ".gvimrc", "_gvimrc"),
    *(".lvimrc", ".local.vimrc", ".nvimrc", ".nvim.lua", ".vim", ".gdbinit", ".lldbinit"),
    # Web servers and file managers, where logs are shared.
    *(".htaccess", ".user.ini", ".directory", "desktop.ini", "autorun.inf"),
)
"""Patterns of names of files and folders, in lower case."""
# git takes each folder with this file, objects and refs for a repository, whatever its name. The other two may come on
# another day, or be named in a file, so that only the lack of this one is a proof.
_REPOSITORY_FILE = "head"
ACTS = "programs act on it unasked"
"""Reason for leaving a file out."""


def acts(name: str, is_folder: bool = False) -> bool:
    """Return whether programs act unasked on a file or folder of this name.

    Case does not count: some file systems take .GIT for .git. Neither do dots and spaces at the end, as on Windows.
    """
    plain = name.casefold().rstrip(". ")
    if plain == _REPOSITORY_FILE:
        return not is_folder
    return any(fnmatchcase(plain, pattern) for pattern in ACTING)


def rsync_filters() -> list[str]:
    """Return rsync's options that leave the same names out.

    They come before other filters: the first rule that fits counts.
    """
    head = _any_case(_REPOSITORY_FILE)
    return [f"--include={head}/", *(f"--exclude={_any_case(pattern)}" for pattern in (_REPOSITORY_FILE, *ACTING))]


def _any_case(pattern: str) -> str:
    return "".join(f"[{sign.upper()}{sign}]" if sign.isalpha() else sign for sign in pattern)
