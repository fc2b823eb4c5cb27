"""Archives that must be refused, by defect, each with a word of its refusal."""

from __future__ import annotations

import gzip
import tarfile

from tests.support.content_world import files, member, tar

MIB = 1 << 20
ONE = files(notebook__a="a1", notebook__b="b1", gen__install="i1")
LINK, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
HOSTILE = {
    "absolute": (tar(member("/etc/passwd", b"x")), "absolute name"),
    "parent": (tar(member("ok", b"1"), member("../x", b"x")), "leads outside"),
    "hidden parent": (tar(member("a/./../../x", b"x")), "leads outside"),
    "link out": (tar(member("l", type=LINK, linkname="../../etc/passwd")), "leads outside"),
    "absolute link": (tar(member("l", type=LINK, linkname="/etc/passwd")), "leads outside"),
    "climbing link": (
        tar(member("d/e", type=LINK, linkname=".."), member("l", type=LINK, linkname="d/e/../x")),
        "leads outside",
    ),
    "through a link": (tar(member("d", type=LINK, linkname="e"), member("d/x", b"x")), "no folder"),
    "under a file": (tar(member("d", b"1"), member("d/x", b"x")), "no folder"),
    "hard link out": (tar(member("l", type=HARD, linkname="../x")), "leads outside"),
    "hard link to nothing": (tar(member("l", type=HARD, linkname="x")), "no earlier file"),
    "device": (tar(member("d", type=tarfile.CHRTYPE, devmajor=1, devminor=3)), "special file"),
    "pipe": (tar(member("p", type=tarfile.FIFOTYPE)), "special file"),
    "twice": (tar(member("a", b"1"), member("a", b"2")), "twice"),
    "escape in name": (tar(member("a\x1b[31m", b"1")), "no file can or should"),
    "newline in name": (tar(member("a\nb", b"1")), "no file can or should"),
    "turned name": (tar(member("a\u202efdp.exe", b"1")), "no file can or should"),
    "mark of direction": (tar(member("\u200ea", b"1")), "no file can or should"),
    "line separator in name": (tar(member("a\u2028b", b"1")), "no file can or should"),
    "name in Latin-1": (tar(member("caf\udce9", b"1")), "no file can or should"),
    "folder around all": (
        files(course__notebook__a="a", course__gen__install="i"),
        r"in 'course', where nobody looks: .* tar -czf content\.tgz -C course \.$",
    ),
    "folder around all but one": (files(my__x__notebook__a="a", README="r"), "in 'my/x', where"),
    "folder named notebook around all": (
        tar(member("notebook/notebook/a", b"a"), member("notebook/gen/install.sh", b"i")),
        "in 'notebook', where",
    ),
    "folder with a blank around the installer": (tar(member("my course/gen/install.sh", b"i")), "-C 'my course' "),
    "macOS's files alone": (tar(member("__MACOSX/a", b"1"), member("notebook/._a", b"1")), "holds no file"),
    "long name": (tar(member("a" * 300, b"1")), "no file can or should"),
    "empty": (tar(), "no file"),
    "half": (ONE[: len(ONE) // 2], "not a whole tar archive"),
    "half, not compressed": (tar(member("a", b"1"), member("b", b"1"), mode="w")[:1024], "breaks off"),
    "wrong sum": (ONE[:-6] + b"\0\0" + ONE[-4:], "not a whole tar archive"),
    "damaged header": (
        gzip.compress(tar(member("a", b"1"), mode="w")[:1024] + b"x" * 512 + b"\0" * 1024),
        "not a whole tar archive",
    ),
    "page": (b"\n<!DOCTYPE html><html>Please log in</html>", "HTML page"),
    "text": (b"no archive at all", "not a whole tar archive"),
    "nothing": (b"", "not a whole tar archive"),
    "bomb": (tar(member("a", b"\0" * (5 * MIB))), "more than 4 MiB"),
    "many small bombs": (tar(*(member(f"a{n}", b"\0" * MIB) for n in range(7))), "more than 4 MiB"),
    "bomb behind its end": (gzip.compress(tar(member("a", b"1"), mode="w") + b"\0" * (5 * MIB)), "follows its end"),
}
