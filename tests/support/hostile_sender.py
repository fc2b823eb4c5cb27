"""Serve rsync's protocol (version 29) and send names unasked.

The names are those on the command line. The server stands for the rsync of a hostile machine: a real one refuses to
send `../x`.
"""

import contextlib
import struct
import sys


def main(names: list[str]) -> None:
    """Offer a plain file of each of `names` to the receiver on stdin and stdout."""
    out, incoming = sys.stdout.buffer, sys.stdin.buffer
    out.write(struct.pack("<i", 29))
    out.flush()
    incoming.read(4)
    out.write(struct.pack("<i", 1))  # The seed of checksums; from here on all data is in frames.
    out.flush()  # The receiver sends nothing before the seed has come.

    def send(data: bytes) -> None:
        out.write(struct.pack("<I", (7 << 24) | len(data)) + data)
        out.flush()

    while length := struct.unpack("<i", incoming.read(4))[0]:  # This reads the filters.
        incoming.read(length)
    for name in names:
        data = name.encode("latin-1").decode("unicode_escape").encode("latin-1")
        # The entry is XMIT_LONG_NAME; then name, size, time and mode.
        send(struct.pack("<Bi", 0x40, len(data)) + data + struct.pack("<iiI", 5, 1_700_000_000, 0o106777))
    send(struct.pack("<Bi", 0, 0))
    incoming.read(4)  # The requested data does not follow: the names are all that is sent.


if __name__ == "__main__":
    # The receiver may hang up at any time.
    with contextlib.suppress(OSError, struct.error):
        main(sys.argv[1:])
