"""Print Jupyter's hash of a new password.

Prints nothing when the password matches the known hash. start.py runs this with Jupyter's own Python. Password and hash
are on standard input, as a JSON list, so that no argument shows in `ps`.
"""

import itertools
import json
import sys
import unicodedata


def composed(text: str) -> str:
    """Return `text` with base letters and marks composed as keyboards type them.

    plugins/module_utils/common/unicode_forms.py has the same function, and says more.
    """
    pieces = itertools.groupby(text, key=lambda sign: unicodedata.is_normalized("NFC", sign))
    return "".join(unicodedata.normalize("NFC", "".join(piece)) if form else "".join(piece) for form, piece in pieces)


def main() -> None:
    """Read, compare and print."""
    from jupyter_server.auth.security import passwd, passwd_check

    password, known = json.load(sys.stdin)
    password = composed(password)
    if not (known and passwd_check(known, password)):
        print(passwd(password))


if __name__ == "__main__":
    main()
