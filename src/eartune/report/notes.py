"""What a reader must know to judge the numbers: warnings before them, notes below them."""

from collections.abc import Mapping, Sequence
from typing import Any

from eartune.report.result import RunResult
from eartune.report.scheme_result import SchemeResult
from eartune.wording import counted, duration, listed


def warnings(results: Sequence[RunResult]) -> tuple[str, ...]:
    """Cells without numbers, and cells whose numbers are not about speech."""
    failed = [result.name for result in results if not result.finished]
    deaf = [result.name for result in results if result.listening and not result.listening["listens"]]
    found = []
    if failed:
        share = f"{len(failed)} of {counted(len(results), 'cell')}"
        found.append(f"Failed: {share}, which no score includes: {listed(failed)}.")
    if deaf:
        cells = counted(len(deaf), "cell")
        found.append(f"{cells} failed the listening check; no understanding of speech is shown by {listed(deaf)}.")
    return tuple(found)


def notes(rows: Sequence[SchemeResult], results: Sequence[RunResult]) -> tuple[str, ...]:
    """How to read the table."""
    return (
        "Scores are percent; brackets hold the 95 % interval; n is the number of test utterances scored.",
        *_test(results),
        *_synthetic(results),
        *_free_hours(results),
        *_held(results),
        "Overlapping intervals do not show that two schemes are equal, only that this test is too small to tell.",
        *_seeds(rows),
        "Parsed is the per cent of answers whose status is OK or UNKNOWN_LABEL.",
        *_times(results),
        *_failures(rows),
    )


def _test(results: Sequence[RunResult]) -> list[str]:
    sizes = dict.fromkeys(tuple(result.test.items()) for result in results if result.test)
    return [f"The test: {listed([f'{count:,} {name}' for name, count in size])}." for size in sizes]


def _synthetic(results: Sequence[RunResult]) -> list[str]:
    told = dict.fromkeys(spoken_by(result.settings.get("data", {})) for result in results)
    return [f"Synthetic, spoken by machines and not by people: {who}." for who in told if who]


def _free_hours(results: Sequence[RunResult]) -> list[str]:
    free = any(result.free_hours for result in results)
    return ["Free hours are of speech that no budget limits: of voices, of other languages, for alignment."] * free


def _held(results: Sequence[RunResult]) -> list[str]:
    held = [result.settings.get("decoding", {}).get("constrain") == "schema" for result in results]
    return ["Answers were held to the schema while they were written, so that their form cannot be wrong."] * any(held)


def spoken_by(data: Mapping[str, Any]) -> str:
    """Which pools text-to-speech voices spoke, and whose; pools and voices as an experiment's `data` names them."""
    told: dict[str, dict[str, None]] = {}
    for pool, corpora in data.items():
        for voice in (voice for corpus in corpora for voice in corpus.get("voices", ())):
            variant = f"+{voice['variant']}" if voice.get("variant") else ""
            told.setdefault(pool, {})[f"{voice['engine']}:{voice['name']}{variant}"] = None
    return "; ".join(f"{pool} by {listed(list(voices))}" for pool, voices in told.items())


def _seeds(rows: Sequence[SchemeResult]) -> list[str]:
    single = sum(len(row.finished) == 1 for row in rows)
    several = sum(len(row.finished) > 1 for row in rows)
    told = []
    if single:
        told.append(f"Lines of one seed: {single}. What another seed would change is not in their intervals.")
    if several:
        told.append(f"Lines that are means over seeds: {several}. Their intervals hold the spread between seeds too.")
    return told


def _times(results: Sequence[RunResult]) -> list[str]:
    decoding = [result.seconds["decode"] for result in results if "decode" in result.seconds]
    if not decoding:
        return []
    return [f"Training time is the mean of a line's cells; decoding took {duration(sum(decoding))} for all cells."]


def _failures(rows: Sequence[SchemeResult]) -> list[str]:
    partly = any(row.failed for row in rows)
    return ["Where seeds are, say, 1 of 2, the others failed and stand in no number."] if partly else []
