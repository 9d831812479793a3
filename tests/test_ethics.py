"""What docs/ethics.md promises is what the settings are."""

import re
from pathlib import Path

from crawler.settings import Settings, plain

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| `(\w+)` \| ([\d.]+) \| \S", re.MULTILINE)


def test_the_limits_on_the_page_are_the_defaults() -> None:
    promised = dict(ROW.findall((ROOT / "docs" / "ethics.md").read_text(encoding="utf-8")))
    defaults = plain(Settings(hello_name="scan.example"))
    assert len(promised) >= 15
    assert promised == {name: str(defaults[name]) for name in promised}


def test_every_setting_that_is_about_politeness_is_on_the_page() -> None:
    text = (ROOT / "docs" / "ethics.md").read_text(encoding="utf-8")
    names = re.compile(
        r"per_second|_gap|_cap$|back_off|_per_address|_per_domain|sample|opt_out|contact|control_"
    )
    for name in filter(names.search, plain(Settings(hello_name="scan.example"))):
        assert f"`{name}`" in text, name
