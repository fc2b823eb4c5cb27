"""What others have in the account, for others in a company use it as well.

There is no container behind it, no public address, and no request of it is counted.
"""

from rehearsal.account.strangers.account import Snapshot, Strangers
from rehearsal.account.strangers.guarded_network import guard

__all__ = ["Snapshot", "Strangers", "guard"]
