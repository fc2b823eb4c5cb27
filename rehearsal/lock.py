"""Provide the rehearsal's one lock; only its holder may use moto's backends.

Hold it for one request or one backend call, never while waiting for a container, a socket or a clock.
"""

import threading

LOCK = threading.RLock()
