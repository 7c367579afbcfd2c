"""Two answers agree if they mean the same JSON, behind the same words if there are any."""

import pytest

from eartune.export.check_server import meaning


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ('{"intent":"a","entities":[]}', ' {"entities": [], "intent": "a"}\n', True),
        ('{"intent":"a","entities":[]}', '{"intent":"b","entities":[]}', False),
        ('wake me\n{"label":"a"}', 'wake me\n{"label": "a"}', True),
        ('wake me\n{"label":"a"}', 'wake him\n{"label":"a"}', False),
        ("ein Satz", "ein Satz\n", True),
        ("ein Satz", "ein anderer", False),
        ('{"label":"a"', '{"label": "a"', False),
    ],
)
def test_answers_are_compared_by_their_meaning(one: str, other: str, agree: bool) -> None:
    assert (meaning(one) == meaning(other)) is agree
