"""FLEURS: the same sentences of an encyclopedia read aloud in 102 languages, each by up to three people; CC BY 4.0.

    1	1000408.wav	Die Blätter sind grün.	die blätter sind grün	d i e | b l ä t t e r | ...	119040	FEMALE

The folder `fleurs/<language>` (de_de, en_us, cmn_hans_cn) holds train.tsv, dev.tsv and test.tsv without headers, and
audio/{train,dev,test}/*.wav, as https://huggingface.co/datasets/google/fleurs has them under data/, its archives
unpacked. Equal ids in two languages are translations of each other. Without audio/ the corpus is text.
"""

from pathlib import Path
from typing import ClassVar, Literal

from eartune.data.corpora.delimited import read_tsv
from eartune.data.corpora.source import Source
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.settings import Section

COLUMNS = ("id", "file", "typed", "heard", "letters", "samples", "gender")


class FleursCorpus(Section):
    """One split in one language, with its translations into another."""

    LICENCE: ClassVar[str] = "FLEURS: CC BY 4.0"

    corpus: Literal["fleurs"]
    language: str
    """The language that is spoken: de_de, en_us."""
    to: str
    """The language of the translations."""
    split: Literal["train", "dev", "test"]
    folder: str = "fleurs"

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each sentence that both languages have, with the recordings of all who read it."""
        root = source.data / self.folder
        table, other = (root / language / f"{self.split}.tsv" for language in (self.language, self.to))
        translations = {row["id"]: row["typed"] for _, row in read_tsv(other, COLUMNS, header=False)}
        sentences: dict[str, tuple[str, list[str]]] = {}
        for place, row in read_tsv(table, COLUMNS, header=False):
            if not row["id"].isdecimal() or Path(row["file"]).name != row["file"] or not row["typed"].strip():
                raise InputError(f"{place}: needs a number, the name of a file and a sentence in its first columns")
            sentences.setdefault(row["id"], (row["typed"], []))[1].append(row["file"])
        audio = root / self.language / "audio" / self.split
        return tuple(
            self._utterance(number, text, files if audio.is_dir() else [], translations[number], audio, source)
            for number, (text, files) in sentences.items()
            if translations.get(number, "").strip()
        )

    def _utterance(
        self, number: str, text: str, files: list[str], translation: str, audio: Path, source: Source
    ) -> Utterance:
        recordings = tuple(source.recording(audio / file) for file in files)
        name = f"fleurs-{self.split}-{self.language}-{number}"
        return Utterance(name, text, self.language, None, recordings, translation=translation)
