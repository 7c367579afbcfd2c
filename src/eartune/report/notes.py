"""Warnings above the tables of a report and notes below them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from eartune.report.answers import RunAnswers
from eartune.report.choice import value_in_words
from eartune.report.result import RunResult
from eartune.report.scheme_result import SchemeResult
from eartune.wording import counted, duration, listed


def warnings(results: Sequence[RunResult], answers: RunAnswers | None = None) -> tuple[str, ...]:
    """Return warnings about models without results or answers, and about models that do not seem to use the audio."""
    found = []
    for what, status in (("Failed", "failed"), ("Not finished yet", "unfinished")):
        names = [result.name for result in results if result.status == status]
        if names:
            share = f"{len(names)} of {counted(len(results), 'model')}"
            found.append(f"{what}, so not in any score: {share} ({listed(names)}).")
    silent = [one.name for one in results if answers and one.status == "finished" and not answers.predictions(one)]
    if silent and len(silent) < len(results):
        models = f"{counted(len(silent), 'model')} ({listed(silent)})"
        found.append(f"The answers of {models} are not at hand, so that they are in no paired test.")
    deaf = [result.name for result in results if result.listens is False]
    if deaf:
        models = f"{counted(len(deaf), 'model')} ({listed(deaf)})"
        found.append(f"The listening check failed for {models}, so it is not shown that they understand speech.")
    return tuple(found)


def _variation(rows: Sequence[SchemeResult]) -> list[str]:
    """What the intervals of rows include, by what their models differ in."""
    counts = Counter(
        (len({result.seed for result in row.finished}) > 1, len({result.selection_seed for result in row.finished}) > 1)
        for row in rows
        if row.finished
    )
    said = {
        (False, False): "one model: {}. Their intervals do not include the variation between seeds",
        (True, False): "the mean over seeds: {}. Their intervals include the variation between these",
        (False, True): "the mean over selections of recordings: {}. Their intervals include the variation between "
        "these, and not that between seeds",
        (True, True): "the mean over seeds and selections: {}. Their intervals include the variation between both",
    }
    return [f"Rows that are {said[kind].format(counts[kind])}." for kind in said if counts[kind]]


def notes(rows: Sequence[SchemeResult], results: Sequence[RunResult]) -> tuple[str, ...]:
    """Return notes on how to read the table; `results` are those of all models that ran."""
    found = [
        "Scores are in percent, with the 95 % confidence interval in brackets; n is the number of test utterances that "
        "were scored."
    ]
    for size in dict.fromkeys(tuple(result.test.items()) for result in results if result.test):
        found.append(f"The test set has {listed([f'{count:,} {name}' for name, count in size])}.")
    dev = [result.dev["recordings"] for result in results if "epoch" in result.dev]
    for recordings in dict.fromkeys(dev):
        share = "" if len(dev) == len(results) else f" of {len(dev)} of {counted(len(results), 'model')}"
        found.append(
            f"The epoch{share} was chosen on the dev set of {counted(recordings, 'recording')}; "
            "the test was decoded once."
        )
    chosen = [(result.name, choice) for result in results for choice in result.dev.get("chosen", ())]
    for recordings in dict.fromkeys(choice["n"] for _, choice in chosen):
        values = [f"{name}: {value_in_words(choice)}" for name, choice in chosen if choice["n"] == recordings]
        found.append(
            f"Chosen on the dev set of {counted(recordings, 'recording')}, before the test was decoded, once: "
            f"{'; '.join(values)}."
        )
    for voices in dict.fromkeys(spoken_by(result.settings.get("data", {})) for result in results):
        if voices:
            found.append(f"Synthetic speech, spoken by machines and not by people: {voices}.")
    if any(result.free_hours for result in results):
        found.append(
            "Free hours are hours of speech that no budget limits: synthetic speech, recordings without labels, "
            "speech of other languages, and speech for the alignment stage."
        )
    if any(result.settings.get("decoding", {}).get("constrain") == "schema" for result in results):
        found.append("Decoding was constrained to the schema, so the form of an answer cannot be wrong.")
    if any(result.settings.get("decoding", {}).get("through") == "words" for result in results):
        found.append(
            "Trained models answered through words: they wrote down what they heard, and read it without the sound."
        )
    found.append(
        "Overlapping intervals do not show that two schemes are equally good, only that this test is too small to tell "
        "them apart."
    )
    found += _variation(rows)
    found.append(
        "Parsed is the percentage of answers whose status is OK or UNKNOWN_LABEL; invalid is that of all but OK."
    )
    decoding = [result.seconds["decode"] for result in results if "decode" in result.seconds]
    if decoding:
        found.append(
            f"Training time is the mean over the models of a row; decoding the test took {duration(sum(decoding))} for "
            "all models together."
        )
    if any(row.failed or row.unfinished for row in rows):
        found.append(
            "Models such as 1 of 2 mean that the other model failed or is not finished yet; no number includes it."
        )
    return tuple(found)


def spoken_by(data: Mapping[str, Any]) -> str:
    """Return the pools that text-to-speech voices spoke, with the voices, as text; empty if there are none."""
    voices: dict[str, list[str]] = {}
    for pool, corpora in data.items():
        for voice in (voice for corpus in corpora for voice in corpus.get("voices", ())):
            variant = f"+{voice['variant']}" if voice.get("variant") else ""
            name = f"{voice['engine']}:{voice['name']}{variant}"
            if name not in voices.setdefault(pool, []):
                voices[pool].append(name)
    return "; ".join(f"{pool} by {listed(names)}" for pool, names in voices.items())
