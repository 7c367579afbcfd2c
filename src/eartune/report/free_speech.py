"""What speech that costs no recording bought: synthetic voices and recordings without labels, in recordings saved.

rows that use them + the curve of a scheme that does not -> points gained at the same budget, recordings saved
"""

import math
from collections.abc import Sequence

from eartune.evaluation.learning_curve import FARTHEST
from eartune.report.enough import amounts, number, round_up
from eartune.report.scheme_result import SchemeResult
from eartune.report.speech_curve import SpeechCurve, scheme_settings
from eartune.training.schemes import SCHEMES
from eartune.wording import PERCENT, capitalised, counted, percent

SYNTHETIC, UNLABELLED = "synthetic voices", "recordings without labels"
_SCHEMES = {scheme.model_fields["type"].default: scheme for scheme in SCHEMES}


def what_it_bought(rows: Sequence[SchemeResult], fitted: Sequence[SpeechCurve], metric: str) -> tuple[str, ...]:
    """Return a sentence for each row that used such speech, as long as a scheme without it has a curve."""
    free = {row.scheme: uses for row in rows if (uses := free_speech_of(row))}
    plain = [one for one in fitted if one.scheme not in free]
    if not plain:
        return ()
    types = {row.scheme: row.scheme_type for row in rows}
    sentences = []
    for row in rows:
        score = row.score(metric)
        if row.scheme not in free or score is None:
            continue
        same = [one for one in plain if types[one.scheme] == row.scheme_type]
        sentences.append(_sentence(row, score.value, free[row.scheme], (same or plain)[0]))
    return tuple(sentences)


def free_speech_of(row: SchemeResult) -> str | None:
    """Return what a row trained on beside text and its budget: synthetic voices, recordings without labels, or None."""
    settings = scheme_settings(row)
    if row.role == "synthetic reference" or settings.get("synthetic"):
        return SYNTHETIC
    scheme = _SCHEMES.get(row.scheme_type)
    return UNLABELLED if scheme and scheme.model_construct(**settings).uses_unlabelled else None


def _sentence(row: SchemeResult, score: float, uses: str, plain: SpeechCurve) -> str:
    there = row.mean(lambda result: result.recordings) or 0.0
    needed = plain.curve.amount_for(score)
    begins = f"with {counted(there, 'recording')}" if there else "without any recording"
    gained = 100 * (score - plain.curve.score(there).value)
    said = (
        f"{capitalised(uses)}: {begins} {row.prose_name} reaches {percent(score)}{PERCENT}, {gained:+.1f} points "
        f"beside the curve of {plain.name}, which needs {amounts(needed, plain)} recordings for it"
    )
    if not math.isfinite(needed.value):
        return f"{said}: more than {number((FARTHEST - 1) * plain.amount)} recordings saved."
    saved = round_up(needed.value) - there
    return f"{said}: {counted(saved, 'recording')} saved." if saved >= 1 else f"{said}: none saved."
