"""Files that are written whole, and modes that are set on the thing itself."""

import stat
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.common.files import set_mode


def test_a_mode_is_never_set_through_a_link(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir(mode=0o755)
    file.touch(mode=0o644)
    for item, mode in ((folder, 0o700), (file, 0o600)):
        before = item.stat().st_mode
        link = tmp_path / f"link-{item.name}"
        link.symlink_to(item)
        with pytest.raises(OSError, match="symbolic"):
            set_mode(link, mode)
        assert item.stat().st_mode == before
        set_mode(item, mode)
        assert stat.S_IMODE(item.stat().st_mode) == mode
