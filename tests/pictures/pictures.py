"""Take the pictures of docs/pictures from a rehearsal of ten machines.

It is the program of `make pictures`, and not a test; CONTRIBUTING.md tells more. The rehearsal is removed at the end,
so the pass phrases on the picture of the cards open nothing.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pypdfium2
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.support import ROOT
from tests.support.workshop import OUTPUT, Workshop

FOLDER = ROOT / "docs/pictures"
NAMES = "base=ws low=1 high=10"
COLUMNS, LINES = 100, 42
"""Size of the terminal that is shown; of a longer output its end."""
_LIMIT = 2400.0
"""The limit of one command, in seconds."""
_BROKEN = {
    "ws-3": "systemctl stop jupyter",
    "ws-8": "sed -i 's/ipykernel_launcher/nothing/' /opt/jupyter/share/jupyter/kernels/python3/kernel.json",
}
"""What keeps two machines of the board from being ready."""
_SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">
<style>.{unique_id}-matrix {{ font: {char_height}px "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace;
line-height: {line_height}px; }} {styles}
.{unique_id}-title {{ font: 18px sans-serif; }}</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g></g></svg>
"""
"""The frame of a terminal's picture, which loads no font from elsewhere."""


def terminal(workshop: Workshop, arguments: str, file: Path) -> None:
    """Run ansible-playbook, and draw the command and its output to `file`.

    It runs as on a terminal of `COLUMNS` columns.
    """
    command = f"ansible-playbook {arguments}"
    environment = {
        name: value for name, value in workshop.environment.items() if name not in ("NO_COLOR", "ANSIBLE_NOCOLOR")
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=workshop.root,
        env={**environment, "ANSIBLE_FORCE_COLOR": "1", "PROBCOMP_COLUMNS": str(COLUMNS)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    if done.returncode:
        raise ValueError(f"$ {command}\n{done.stdout}")
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="standard", force_terminal=True)
    console.print(Text(f"$ {command}"))
    lines = done.stdout.replace(str(workshop.home), ".rehearsal").splitlines()
    console.print(Text.from_ansi("\n".join(["…", *lines[-LINES:]])))
    label = f"The terminal at the end of {command}"
    console.save_svg(
        str(file), title=command, theme=MONOKAI, unique_id="terminal", code_format=_SVG.replace("{label}", label)
    )


def page(workshop: Workshop, name: str, width: int, height: int) -> None:
    """Take the picture of the report `name`.html in a browser window of this size."""
    with (
        tempfile.TemporaryDirectory(prefix="probcomp-pictures-") as profile,
        workshop.browser(Path(profile)) as browser,
    ):
        shown = browser.new_page()
        shown.set_viewport_size({"width": width, "height": height})
        shown.goto((workshop.state / f"reports/{name}.html").as_uri())
        file = FOLDER / f"{'board' if name == 'check' else name}.png"
        shown.screenshot(path=file, animations="disabled")


def cards(workshop: Workshop) -> None:
    """Take the picture of the first sheet of cards."""
    with pypdfium2.PdfDocument(workshop.state / "cards/ws.pdf") as document:
        document[0].render(scale=1.4).to_pil().save(FOLDER / "cards.png", optimize=True)


def take(workshop: Workshop) -> None:
    """Make ten machines and take all pictures."""
    workshop.begin()
    workshop.succeed(f'ansible-playbook create_passwords.yml -e "{NAMES}"')
    look = "cards_per_page=10 cards_title='Statistics, Monday'"
    workshop.succeed(f'ansible-playbook url_cards.yml -e "{NAMES} {look}"')
    cards(workshop)
    terminal(workshop, f"fleet_create.yml -e {NAMES}", FOLDER / "create.svg")
    for user, script in _BROKEN.items():
        workshop.on_machine(user, script)
    workshop.play("-l ws fleet_check.yml")
    page(workshop, "check", 1600, 900)
    workshop.succeed("ansible-playbook burn_rate.yml")
    page(workshop, "burn_rate", 1200, 900)


def main() -> int:
    """Take the pictures, and remove the rehearsal; return the exit status."""
    OUTPUT.mkdir(exist_ok=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    workshop = Workshop(OUTPUT / "pictures")
    workshop.transcript("commands").unlink(missing_ok=True)
    try:
        workshop.clone()
        take(workshop)
    except (AssertionError, OSError, subprocess.SubprocessError, ValueError) as error:
        print(f"pictures: stopped: {error}", file=sys.stderr)
        return 1
    finally:
        workshop.shell("scripts/rehearsal down", rehearsed=False)
        shutil.rmtree(workshop.root, ignore_errors=True)
    for file in sorted(FOLDER.iterdir()):
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
