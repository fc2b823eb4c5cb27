"""The one lock of the rehearsal: moto's backends may be touched only by who holds it.

Hold it for one request or one backend call, never while waiting for a container, a socket or a clock.
"""

import threading

LOCK = threading.RLock()
