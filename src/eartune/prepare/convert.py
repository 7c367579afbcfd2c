"""Write the rows of a manifest as other tools read them; `prepare` reads them again, but for what no format can hold.

| format | what is written | what it does not hold |
|---|---|---|
| nemo | a manifest with "semantics" | rows of text alone |
| lhotse | cuts, with the labels in the supervision's "custom" | rows of text alone |
| kaldi | wav.scp, text, utt2spk, spk2utt, utt2lang; utt2semantics for the labels | rows of text alone, blanks in ids |
| hf | a dataset as save_to_disk leaves it, with the recordings | the names of their folders, labels, translations |
| messages | chats, whose answer is the frame | ids, languages, speakers, words of recordings, labels, translations |

`prepare` reads frames alone: a label beside one is not read again, and one without any is read as an intent.

An utterance of several recordings becomes as many rows, of which the second has the id of the first and "-2", or
the next number that is free.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from eartune.data.audio import audio_seconds
from eartune.data.utterance import Utterance, label_fields
from eartune.errors import InputError
from eartune.prepare.importers.hugging_face import write_dataset
from eartune.prepare.importers.kaldi import write_kaldi
from eartune.prepare.importers.lhotse import write_lhotse
from eartune.prepare.importers.messages import write_messages
from eartune.prepare.importers.nemo import write_nemo
from eartune.wording import counted

Target = Literal["nemo", "lhotse", "kaldi", "hf", "messages"]
FOLDERS = ("kaldi", "hf")  # formats that are a folder, where others are a file
_WITHOUT_TEXT_ALONE = ("nemo", "lhotse", "kaldi")
_FRAMES_ALONE = ("hf", "messages")  # formats without a place for labels and translations
_WITH_WHAT_IS_IN_FILES = ("lhotse", "hf")  # formats for which recordings are opened; others name them


def convert(utterances: Sequence[Utterance], target: Target, out: Path) -> list[str]:
    """Write utterances in a format of other tools; return sentences about what was not written.

    Raises InputError, before anything is written, for an utterance without a right answer that the format holds, for a
    recording that would have to be read and cannot, and where nothing would be written.
    """
    if not utterances:
        raise InputError(f"there are no rows, so nothing would be written to {out}")
    for utterance in utterances:
        _check_labels(utterance, target)
    typed = [row for row in utterances if not row.recordings] if target in _WITHOUT_TEXT_ALONE else []
    if len(typed) == len(utterances):
        raise InputError(f"nothing would be written to {out}, as {target} holds recordings, of which there are none")
    if target in _WITH_WHAT_IS_IN_FILES:
        _check_recordings(utterances)
    match target:
        case "nemo":
            write_nemo(out, utterances, label_fields)
        case "lhotse":
            write_lhotse(out, utterances, label_fields)
        case "kaldi":
            write_kaldi(out, utterances, label_fields)
        case "hf":
            write_dataset(out, utterances, label_fields)
        case "messages":
            write_messages(out, utterances)
    more = [row for row in utterances if row.label or row.translation] if target in _FRAMES_ALONE else []
    lost = {"{} of text alone": len(typed), "the labels and translations of {}": len(more)}
    return [
        f"left out: {what.format(counted(n, 'row'))}, which {target} does not hold" for what, n in lost.items() if n
    ]


def _check_labels(utterance: Utterance, target: Target) -> None:
    if not utterance.is_labelled:
        raise InputError(f"the utterance {utterance.id!r} has no intent; only labelled rows are converted")
    if target in _FRAMES_ALONE and utterance.frame is None:
        raise InputError(
            f"the utterance {utterance.id!r} has no intent, and {target} holds neither labels nor translations; "
            "convert to nemo, lhotse or kaldi"
        )


def _check_recordings(utterances: Sequence[Utterance]) -> None:
    for utterance in utterances:
        for recording in utterance.recordings:
            try:
                audio_seconds(recording.path)
            except InputError as error:
                raise InputError(f"the utterance {utterance.id!r}: {error}") from error
