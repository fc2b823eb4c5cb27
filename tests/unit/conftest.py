"""moto reads its settings when it is first imported: the same ones for every test, whichever runs first."""

from rehearsal import moto_settings as moto_settings
