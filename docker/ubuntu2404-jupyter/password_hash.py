"""Print Jupyter's hash of a new password.

Prints nothing when the password matches the known hash. start.py runs this with Jupyter's own Python. Password and hash
are on standard input, as a JSON list, so that no argument shows in `ps`.
"""

import json
import sys

from jupyter_server.auth.security import passwd, passwd_check

password, known = json.load(sys.stdin)
if not (known and passwd_check(known, password)):
    print(passwd(password))
