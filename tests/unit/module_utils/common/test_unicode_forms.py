"""Composed letters."""

import unicodedata

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.common.unicode_forms import composed


@pytest.mark.parametrize(
    "typed", ["\u0958\u0932\u092e-correct", "\ufa19\u8c37-correct-horse", "\u212bngstr\u00f6m", "👩‍💻"]
)
def test_a_character_that_keyboards_type_stays_what_it_is(typed: str) -> None:
    assert unicodedata.normalize("NFC", typed) != typed or typed == "👩‍💻"
    assert composed(typed) == typed
    assert composed(typed + "e\u0301") == typed + "é"
