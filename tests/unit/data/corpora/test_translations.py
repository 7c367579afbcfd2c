"""CoVoST 2, FLEURS and parallel xSID: sentences and their translations, joined by recording or by number."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from builders import sound_file
from eartune.data.corpora import Corpus, Source
from eartune.data.utterance import Utterance
from eartune.errors import InputError


def load(root: Path, **settings: Any) -> tuple[Utterance, ...]:
    return TypeAdapter(Corpus).validate_python(settings).load(Source(root, root))


VALIDATED = (
    "client_id\tpath\tsentence\tup_votes\n"
    'c1\tone.mp3\t"Das ist ein Test.\t2\n'
    "c2\ttwo.mp3\tUnd das auch.\t2\n"
    "c3\tthree.mp3\tUnd dies.\t2\n"
)
TABLE = (
    "path\ttranslation\tsplit\n"
    'one.mp3\tThis is a "test.\ttrain\n'
    "two.mp3\tAnd so is that.\ttrain_covost\n"
    "three.mp3\tAnd this.\ttest\n"
    "gone.mp3\tDeleted from Common Voice.\ttrain\n"
)


def covost2(root: Path, table: str = TABLE, split: str = "train", validated: str = VALIDATED) -> tuple[Utterance, ...]:
    folder = root / "covost2" / "de"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "covost_v2.de_en.tsv").write_text(table)
    (folder / "validated.tsv").write_text(validated)
    return load(root, corpus="covost2", language="de", to="en", split=split)


def test_covost2_joins_translations_with_what_common_voice_has(tmp_path: Path) -> None:
    first, second = covost2(tmp_path)
    assert (first.id, first.text, first.translation) == ("covost2-de-en-one", '"Das ist ein Test.', 'This is a "test.')
    assert (second.text, second.language, second.recordings) == ("Und das auch.", "de", ())
    assert [one.translation for one in covost2(tmp_path, split="test")] == ["And this."]


def test_covost2_leaves_out_sentences_whose_clip_is_gone_or_empty(tmp_path: Path) -> None:
    clips = tmp_path / "covost2" / "de" / "clips"
    clips.mkdir(parents=True)
    sound_file(clips / "one.mp3", 0.5)
    (clips / "two.mp3").touch()
    (found,) = covost2(tmp_path)
    assert [(one.path.name, one.speaker) for one in found.recordings] == [("one.mp3", "c1")]
    with pytest.raises(InputError, match=r"covost_v2\.de_en\.tsv: has no row of the split test whose recording is in"):
        covost2(tmp_path, split="test")


@pytest.mark.parametrize(
    ("table", "validated", "said"),
    [
        (TABLE.replace("split", "part"), VALIDATED, r"covost_v2\.de_en\.tsv: lacks the column 'split'"),
        (TABLE.replace('This is a "test.', " "), VALIDATED, r"covost_v2\.de_en\.tsv, row 2: has no translation"),
        (TABLE, VALIDATED.replace("sentence", "text"), r"validated\.tsv: lacks the column 'sentence'"),
        (TABLE.replace("one.", "../one."), VALIDATED.replace("one.", "../one."), r"row 2: needs the name of a file"),
        (TABLE, VALIDATED.replace("Und das auch.", ""), r"row 3: needs the name of a file in clips/ as path, and a"),
    ],
)
def test_a_fault_in_covost2_is_named(tmp_path: Path, table: str, validated: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        covost2(tmp_path, table, validated=validated)


GERMAN = (
    "1\ta.wav\tDie Blätter sind grün.\tdie blätter sind grün\td i e |\t8000\tFEMALE\n"
    "1\tb.wav\tDie Blätter sind grün.\tdie blätter sind grün\td i e |\t8000\tMALE\n"
    "2\tc.wav\tNur hier.\tnur hier\tn u r |\t8000\tMALE\n"
)
ENGLISH = '1\tx.wav\t"Leaves" are green.\tleaves are green\tl e a |\t8000\tMALE\n'


def fleurs(root: Path, german: str = GERMAN) -> tuple[Utterance, ...]:
    for language, text in (("de_de", german), ("en_us", ENGLISH)):
        (root / "fleurs" / language).mkdir(parents=True, exist_ok=True)
        (root / "fleurs" / language / "dev.tsv").write_text(text)
    return load(root, corpus="fleurs", language="de_de", to="en_us", split="dev")


def test_fleurs_has_all_recordings_of_a_sentence_that_both_languages_have(tmp_path: Path) -> None:
    (found,) = fleurs(tmp_path)
    assert (found.id, found.text, found.language) == ("fleurs-dev-de_de-1", "Die Blätter sind grün.", "de_de")
    assert (found.translation, found.recordings) == ('"Leaves" are green.', ())
    (tmp_path / "fleurs" / "de_de" / "audio" / "dev").mkdir(parents=True)
    for name in ("a", "b"):
        sound_file(tmp_path / "fleurs" / "de_de" / "audio" / "dev" / f"{name}.wav")
    (found,) = fleurs(tmp_path)
    assert [one.path.name for one in found.recordings] == ["a.wav", "b.wav"]


@pytest.mark.parametrize("change", [("2\tc", "two\tc"), ("a.wav", "../a.wav"), ("Nur hier.", " ")])
def test_a_row_of_fleurs_that_does_not_fit_is_named(tmp_path: Path, change: tuple[str, str]) -> None:
    with pytest.raises(InputError, match=r"dev\.tsv, row \d: needs a number, the name of a file and a sentence"):
        fleurs(tmp_path, GERMAN.replace(*change))


def xsid(root: Path, **settings: Any) -> tuple[Utterance, ...]:
    (root / "xsid").mkdir(exist_ok=True)
    for language, numbers, words in (("de", (1, 2, 3), "Weck mich !"), ("ja", (1, 3), "OKOSHITE")):
        blocks = [
            f"# id = {number}\n# intent = alarm/set_alarm\n"
            + "".join(f"{place}\t{word}\talarm/set_alarm\tO\n" for place, word in enumerate(words.split(), start=1))
            for number in numbers
        ]
        (root / "xsid" / f"{language}.test.conll").write_text("\n".join(blocks))
    return load(root, **({"corpus": "xsid", "split": "test", "language": "de"} | settings))


def test_sentences_of_xsid_with_the_same_number_are_translations(tmp_path: Path) -> None:
    found = xsid(tmp_path, translation="ja")
    assert [(one.id, one.text, one.translation) for one in found] == [
        ("xsid-test-de-1", "weck mich", "okoshite"),
        ("xsid-test-de-3", "weck mich", "okoshite"),
    ]
    assert xsid(tmp_path, translation="ja", as_heard=False)[0].translation == "OKOSHITE"
    assert [one.translation for one in xsid(tmp_path)] == [None] * 3


def test_german_and_english_xsid_are_parallel_as_published(data_root: Path) -> None:
    for split, count in (("valid", 300), ("test", 500)):
        found = load(data_root, corpus="xsid", language="de", translation="en", split=split)
        assert len(found) == count
    assert (found[3].text, found[3].translation) == ("lösche meine erinnerung", "cancel my reminder")
