"""An rsync server that speaks the protocol (version 29) and sends the names it is given on the command line, unasked.

Stands in for the rsync of a hostile machine: a real one refuses to send `../x`.
"""

import contextlib
import struct
import sys


def main(names: list[str]) -> None:
    """Offer a plain file of each of `names` to the receiver on standard input and output."""
    out, incoming = sys.stdout.buffer, sys.stdin.buffer
    out.write(struct.pack("<i", 29))
    out.flush()
    incoming.read(4)
    out.write(struct.pack("<i", 1))  # The seed of checksums; from here on all is in frames.
    out.flush()  # The receiver says nothing before it has come.

    def send(data: bytes) -> None:
        out.write(struct.pack("<I", (7 << 24) | len(data)) + data)
        out.flush()

    while length := struct.unpack("<i", incoming.read(4))[0]:  # The filters.
        incoming.read(length)
    for name in names:
        data = name.encode("latin-1").decode("unicode_escape").encode("latin-1")
        # XMIT_LONG_NAME; then name, size, time and mode.
        send(struct.pack("<Bi", 0x40, len(data)) + data + struct.pack("<iiI", 5, 1_700_000_000, 0o106777))
    send(struct.pack("<Bi", 0, 0))
    incoming.read(4)  # What is asked for now does not come: the names were all there is to it.


if __name__ == "__main__":
    # A receiver that has had enough goes away in the middle.
    with contextlib.suppress(OSError, struct.error):
        main(sys.argv[1:])
