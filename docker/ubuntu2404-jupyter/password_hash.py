"""Prints Jupyter's hash of a password, and nothing when it is the password of the hash that is known.

Run by start.py with Jupyter's own Python. Both are on standard input, as a JSON list: no argument shows in `ps`.
"""

import json
import sys

from jupyter_server.auth.security import passwd, passwd_check

password, known = json.load(sys.stdin)
if not (known and passwd_check(known, password)):
    print(passwd(password))
