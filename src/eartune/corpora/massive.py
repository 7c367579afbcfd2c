"""MASSIVE: SLURP's sentences in 52 locales, one file of JSON lines each, with all partitions in it.

    {"id": "1", "locale": "de-DE", "partition": "test", "scenario": "alarm", "intent": "alarm_set",
     "utt": "weck mich diese woche um fünf uhr morgens auf",
     "annot_utt": "weck mich [date : diese woche] um [time : fünf uhr morgens] auf", "worker_id": "8", ...}

The action may hold a "_" (audio_volume_mute): it is the intent less the scenario, and is never cut at the last one.
"""

OUTSIDE = "Other"
# Written without spaces, and labelled by character.
_BY_CHARACTER = ("ja-JP", "zh-CN", "zh-TW")


def massive_tokens(text: str, locale: str) -> list[str]:
    """The units that MASSIVE labels: words, or characters where there are no spaces."""
    return [character for word in text.split() for character in word] if locale in _BY_CHARACTER else text.split()


def token_labels(annotated: str, locale: str) -> tuple[list[str], list[str]]:
    """Tokens and their labels from text with [label : words] in it; tokens outside have the label "Other"."""
    tokens: list[str] = []
    labels: list[str] = []
    label = OUTSIDE
    chunks = iter(annotated.split())
    for chunk in chunks:
        if chunk.startswith("["):
            label = chunk[1:]
            next(chunks, None)  # the colon
            continue
        words = massive_tokens(chunk.removesuffix("]"), locale)
        tokens += words
        labels += [label] * len(words)
        if chunk.endswith("]"):
            label = OUTSIDE
    return tokens, labels
