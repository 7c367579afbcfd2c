"""CoVoST 2: sentences of Common Voice 4 with translations, from 21 languages into English and from English into 15.

    covost_v2.de_en.tsv:    path	translation	split
                            common_voice_de_17298952.mp3	This is a test.	train
    validated.tsv:          client_id	path	sentence	up_votes	...
                            0a4f...	common_voice_de_17298952.mp3	Das ist ein Test.	2	...

The folder `covost2/<language>` holds the first, from https://github.com/facebookresearch/covost, and of Common Voice 4
in that language (https://commonvoice.mozilla.org) the second and clips/. Without clips/ the corpus is text.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from eartune.data.corpora.delimited import read_tsv
from eartune.data.corpora.source import Source
from eartune.data.utterance import Utterance
from eartune.errors import InputError
from eartune.settings import Section

ESCAPE = "\\"
SPLITS = {"train": ("train", "train_covost"), "dev": ("dev",), "test": ("test",)}
"""The values of the column `split` that make a split; train_covost was added to Common Voice's."""


class Covost2Corpus(Section):
    """One split of one pair of languages, one of which is en; languages as Common Voice calls them: de, zh-CN."""

    LICENCE: ClassVar[str] = "CoVoST 2: CC0; Common Voice: CC0"

    corpus: Literal["covost2"]
    language: str
    """The language that is spoken."""
    to: str
    """The language of the translations."""
    split: Literal["train", "dev", "test"]
    folder: str = "covost2"

    def load(self, source: Source) -> tuple[Utterance, ...]:
        """Load an utterance for each sentence of the split whose recording Common Voice still has."""
        folder = source.data / self.folder / self.language
        table, words = folder / f"covost_v2.{self.language}_{self.to}.tsv", folder / "validated.tsv"
        said = {row["path"]: row for _, row in read_tsv(words, ("client_id", "path", "sentence"), escape=ESCAPE)}
        rows = read_tsv(table, ("path", "translation", "split"), escape=ESCAPE)
        wanted = ((place, said[row["path"]] | row) for place, row in rows if row["path"] in said)
        chosen = ((place, row) for place, row in wanted if row["split"] in SPLITS[self.split])
        found = tuple(self._utterances(chosen, folder / "clips", source))
        if not found:
            raise InputError(f"{table}: has no row of the split {self.split} whose recording is in {words.name}")
        return found

    def _utterances(
        self, rows: Iterator[tuple[str, dict[str, str]]], clips: Path, source: Source
    ) -> Iterator[Utterance]:
        has_clips = clips.is_dir()
        for place, row in rows:
            path = clips / row["path"]
            if path.parent != clips or not path.stem.isprintable() or not row["sentence"].strip():
                raise InputError(
                    f"{place}: needs the name of a file in clips/ as path, and a sentence in validated.tsv"
                )
            if not row["translation"].strip():
                raise InputError(f"{place}: has no translation")
            if has_clips and not _has_bytes(path):  # some speakers had theirs deleted, and some files are empty
                continue
            recordings = (source.recording(path, row["client_id"] or None),) if has_clips else ()
            name = f"covost2-{self.language}-{self.to}-{path.stem}"
            yield Utterance(name, row["sentence"], self.language, None, recordings, translation=row["translation"])


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
