"""The curve: everything inside its frame, logarithmic across, no label over another."""

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from itertools import pairwise

import pytest

from eartune.report.axis import Axis, round_bounds, spread
from eartune.report.curve import draw
from eartune.report.layout import LABEL_GAP, build_curve
from eartune.report.scheme_result import join_seeds
from eartune.report.speech_curve import fit_schemes

SVG = "{http://www.w3.org/2000/svg}"


def curve_of(results):
    curve = build_curve(join_seeds(results), "slot_f1")
    assert curve is not None
    return curve


def crowded(cell):
    """Four schemes that end within one per cent of each other, at neighbouring budgets."""
    schemes = ("direct-mixing", "curriculum", "a-scheme-of-my-own", "another")
    shares = {"1%": 0.01, "1.2%": 0.012, "10%": 0.1, "100%": 1}
    spoken = [
        cell(scheme, budget, 0.8 + place / 500 + share / 20, share=share)
        for place, scheme in enumerate(schemes)
        for budget, share in shares.items()
    ]
    return [cell("untuned", None, 0.79), cell("text-only", None, 0.8), *spoken]


@pytest.fixture(params=["coffee", "crowded", "one point", "perfect"])
def curve(request, coffee, cell):
    one = [cell("curriculum", "2h", 0.8, share=0.3)]
    perfect = [cell("curriculum", "5%", 1.0, share=0.05), cell("text-only", None, 0.0)]
    return curve_of({"coffee": coffee, "crowded": crowded(cell), "one point": one, "perfect": perfect}[request.param])


def test_every_point_and_interval_is_inside_the_frame(curve):
    for line in curve.lines:
        for point in line.points:
            assert curve.left < point.x < curve.right
            assert curve.top <= point.high <= point.y <= point.low <= curve.bottom


def test_every_level_is_inside_the_frame_or_said_to_be_below(curve):
    for level in curve.levels:
        assert level.label.endswith("below") if level.y is None else curve.top <= level.y <= curve.bottom


def test_labels_keep_their_distance_and_stay_inside_the_drawing(curve):
    heights = sorted(label.y for label in curve.labels)
    assert all(lower - upper >= LABEL_GAP - 1e-6 for upper, lower in pairwise(heights))
    assert curve.top < heights[0] and heights[-1] <= curve.bottom
    widest = max(len(label.text) for label in curve.labels)
    assert curve.right + 56 + widest * 7 < curve.width


def test_tick_labels_keep_their_distance(curve):
    assert all(right.at - left.at >= 40 for left, right in pairwise(curve.x_ticks))
    assert all(above.at - below.at >= 30 or above.at < below.at for below, above in pairwise(curve.y_ticks))


def test_equal_ratios_of_speech_are_equally_far_apart(cell):
    curve = curve_of([cell("curriculum", budget, 0.8, share=share) for budget, share in _QUARTERS.items()])
    first, second, third = (point.x for point in curve.lines[0].points)
    assert math.isclose(second - first, third - second, abs_tol=0.2)


_QUARTERS = {"5%": 0.05, "20%": 0.2, "80%": 0.8}


def test_the_only_points_of_two_schemes_stand_beside_each_other(cell):
    curve = curve_of([cell(scheme, "5%", 0.8, share=0.05) for scheme in ("curriculum", "direct-mixing")])
    left, right = sorted(line.points[0].x for line in curve.lines)
    assert right - left == 8 and (left + right) / 2 == curve.x_ticks[0].at


def test_the_ticks_are_the_budgets_with_their_hours(coffee):
    assert [(tick.label, tick.below) for tick in curve_of(coffee).x_ticks] == [
        ("5%", "0.04 h"),
        ("20%", "0.16 h"),
        ("100%", "0.80 h"),
    ]


def test_a_failed_cell_is_no_point(coffee):
    curriculum = next(line for line in curve_of(coffee).lines if line.scheme == "curriculum")
    assert len(curriculum.points) == 2


def test_a_point_tells_its_value_interval_n_and_hours(coffee):
    point = curve_of(coffee).lines[0].points[0]
    assert point.title == "direct-mixing at 5%: slot F1 80.1\u00a0% [76.1, 84.1], n = 100, 0.04 h, 1 model"


def test_named_schemes_keep_the_level_of_all_speech_and_the_looks_of_their_type(cell):
    mixing = [
        cell("mine", budget, 0.8, share=share, scheme_type="direct-mixing") for budget, share in _QUARTERS.items()
    ]
    text = cell("typed", None, 0.7, scheme_type="text-only")
    curve = curve_of([text, *mixing, cell("mine", "100%", 0.9, share=1, scheme_type="direct-mixing")])
    assert [(line.scheme, line.look) for line in curve.lines] == [("mine", "mixing")]
    assert [(level.label, level.look) for level in curve.levels] == [
        ("typed 70.0", "text"),
        ("100 % speech 90.0", "all"),
    ]


def test_schemes_of_one_type_have_looks_of_their_own(cell):
    types = {"mixing-a": "direct-mixing", "mixing-b": "direct-mixing", "unknown": "unknown"}
    curve = curve_of([cell(name, "100%", 0.9, share=1, scheme_type=types[name]) for name in types])
    assert len({line.look for line in curve.lines}) == 3
    assert [level.label for level in curve.levels] == ["100 % speech, mixing-a 90.0", "100 % speech, mixing-b 90.0"]


def test_an_untuned_model_far_below_does_not_squeeze_the_others(coffee):
    untuned = curve_of(coffee).levels[0]
    assert (untuned.y, untuned.label) == (None, "untuned 3.0 ↓ below")


def test_without_speech_there_is_no_curve(cell):
    assert build_curve(join_seeds([cell("untuned", None, 0.1), cell("text-only", None, 0.7)]), "slot_f1") is None


def test_the_drawing_is_well_formed_and_described(curve):
    root = ElementTree.fromstring(draw(curve))
    assert root.get("role") == "img"
    named = {root.find(f"{SVG}title").get("id"), root.find(f"{SVG}desc").get("id")}
    assert set(root.get("aria-labelledby").split()) == named
    hovers = [group.find(f"{SVG}title").text for group in root.iter(f"{SVG}g") if "point" in group.get("class", "")]
    assert hovers == [point.title for line in curve.lines for point in line.points]


def test_a_logarithmic_axis_puts_the_geometric_mean_in_the_middle():
    assert Axis(0.01, 1, 100, 300, logarithmic=True).place(0.1) == 200


@pytest.mark.parametrize(
    ("values", "bounds"),
    [((0.671, 0.921), (0.65, 0.95)), ((0.0, 1.0), (0.0, 1.0)), ((0.5, 0.5), (0.5, 0.501)), ((1.0,), (1.0, 1.001))],
)
def test_bounds_are_round_and_hold_all_values(values, bounds):
    low, high, _ = round_bounds(values)
    assert (low, high) == pytest.approx(bounds)


def test_labels_that_have_room_stay_where_they_are():
    assert spread([10, 50, 200], gap=20, start=0, end=300) == [10, 50, 200]


def test_labels_without_room_move_apart_in_their_order():
    assert spread([299, 298, 300], gap=20, start=0, end=300) == [280, 260, 300]


def test_the_fitted_curve_goes_through_the_points_where_an_utterance_has_several_recordings(cell):
    """It is fitted over recordings, and was drawn as if there were as many as utterances."""
    spoken = [cell("curriculum", f"{n}%", f1, share=n / 100) for n, f1 in ((5, 0.6), (20, 0.7), (100, 0.79))]
    rows = [cell("text-only", None, 0.5), *spoken]
    several = [replace(one, speech_recordings=4 * one.speech_utterances) for one in rows]
    drawn = []
    for some in (join_seeds(rows), join_seeds(several)):
        fitted = build_curve(some, "slot_f1", fit_schemes(some, "slot_f1", None).curves).lines[0].fit
        drawn.append([point.y for point in fitted])
    assert drawn[1] == pytest.approx(drawn[0], abs=2)
