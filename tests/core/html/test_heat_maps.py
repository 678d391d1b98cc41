"""Heat maps: the color follows the value, and labels are escaped."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from unmask.core.html.heat_maps import STRONGEST, draw_heat_map


def test_the_color_follows_the_value_within_its_limits():
    svg = draw_heat_map(
        "AUC", ["a"], ["worse", "half", "best", "none"], {("a", "worse"): 0.2, ("a", "half"): 0.75, ("a", "best"): 1.0}
    )
    mixed = [int(share) for share in re.findall(r"var\(--model\) (\d+)%", svg)]
    assert mixed == [0, round(STRONGEST / 2), STRONGEST, 0]


def test_the_drawing_is_valid_xml_and_long_labels_are_cut_but_whole_in_the_title():
    long = "<name> & " + "x" * 60
    svg = draw_heat_map("of <these>", [long], ["b"], {(long, "b"): 0.5})
    texts = [one.text for one in ElementTree.fromstring(svg).iter() if one.tag == "text"]
    assert any(text and text.endswith("…") for text in texts)
    titles = [one.text for one in ElementTree.fromstring(svg).iter() if one.tag == "title"]
    assert long in titles
    assert f"{long}, b: 0.50" in titles
