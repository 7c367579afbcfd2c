"""SNIPS, xSID, the NLU evaluation data and Fluent Speech Commands: rows, counts, and what is heard of a text."""

import json
from pathlib import Path
from typing import Any

import pytest

from builders import frame, sound_file
from eartune.data.corpora import Source
from eartune.data.corpora.fluent import FluentCorpus
from eartune.data.corpora.nlu_eval import NluEvalCorpus, slurp_tokens
from eartune.data.corpora.snips import INTENTS, SnipsCorpus
from eartune.data.corpora.xsid import XsidCorpus
from eartune.data.normalization import normalize_spoken_text
from eartune.data.utterance import Utterance
from eartune.errors import InputError


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("Wie heiß ist es?", "wie heiß ist es"),
        ("7:30 a.m., at O'Brien's!", "7:30 a.m at o'brien's"),
        ('play "Rock-and-Roll" (live) -- now', "play rock-and-roll live now"),
        ("that's $5 & 20% off", "that's $5 & 20% off"),
        ("  ¿Qué?  ", "qué"),
        ("...", ""),
    ],
)
def test_nobody_hears_a_capital_or_a_comma(written: str, heard: str) -> None:
    assert normalize_spoken_text(written) == heard
    assert normalize_spoken_text(heard) == heard


def snips(root: Path, *pieces: dict[str, str], encoding: str = "utf-8", **settings: Any) -> tuple[Utterance, ...]:
    """One sentence of PlayMusic; the other intents have none."""
    (root / "snips_cc0").mkdir()
    for intent in INTENTS:
        rows = [{"data": list(pieces)}] if intent == "PlayMusic" else []
        content = json.dumps({intent: rows}, ensure_ascii=False)
        (root / "snips_cc0" / f"train_{intent}_full.json").write_text(content, encoding=encoding)
    return SnipsCorpus.model_validate({"corpus": "snips", "split": "train"} | settings).load(Source(root, root))


PIECES = ({"text": "Play  "}, {"text": "Déjà Vu ", "entity": "track"}, {"text": " please."})


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_snips_is_read_in_either_encoding(tmp_path: Path, encoding: str) -> None:
    (found,) = snips(tmp_path, *PIECES, encoding=encoding)
    assert (found.id, found.text) == ("snips-train-PlayMusic-1", "play déjà vu please")
    assert found.frame == frame("PlayMusic", "track:déjà vu")


def test_snips_can_stay_as_typed(tmp_path: Path) -> None:
    (found,) = snips(tmp_path, *PIECES, as_heard=False)
    assert (found.text, found.frame) == ("Play Déjà Vu please.", frame("PlayMusic", "track:Déjà Vu"))


def test_a_row_of_snips_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train_PlayMusic_full\.json, row 1: needs"):
        snips(tmp_path, {"word": "play"})


BLOCK = """# id = 9
# text = Weck mich, morgen um 7!
# intent = alarm/set_alarm
1\tWeck\talarm/set_alarm\tO
2\tmich\talarm/set_alarm\tO
3\t,\talarm/set_alarm\tO
4\tMorgen\talarm/set_alarm\tB-datetime
5\tum\talarm/set_alarm\tI-datetime
6\t7\talarm/set_alarm\tB-datetime
7\t!\talarm/set_alarm\tI-reminder
"""


def xsid(root: Path, text: str, **settings: Any) -> tuple[Utterance, ...]:
    (root / "xsid").mkdir()
    (root / "xsid" / "de.test.conll").write_text(text)
    content = {"corpus": "xsid", "language": "de", "split": "test"} | settings
    return XsidCorpus.model_validate(content).load(Source(root, root))


def test_spans_of_xsid_are_entities_and_unheard_ones_are_none(tmp_path: Path) -> None:
    (found,) = xsid(tmp_path, BLOCK)
    assert (found.id, found.text) == ("xsid-test-de-9", "weck mich morgen um 7")
    assert found.frame == frame("alarm/set_alarm", "datetime:morgen um", "datetime:7")


def test_xsid_can_stay_as_typed(tmp_path: Path) -> None:
    (found,) = xsid(tmp_path, BLOCK, as_heard=False)
    assert found.text == "Weck mich , Morgen um 7 !"
    assert found.frame == frame("alarm/set_alarm", "datetime:Morgen um", "datetime:7", "reminder:!")


def test_some_of_xsid_are_the_same_in_every_language_and_not_just_the_first(tmp_path: Path) -> None:
    numbered = "\n".join(BLOCK.replace("= 9", f"= {number}") for number in range(40))
    chosen = [row.id for row in xsid(tmp_path, numbered, sentences=10)]
    (tmp_path / "xsid" / "it.test.conll").write_text(numbered.replace("weck", "svegli"))
    italian = XsidCorpus.model_validate({"corpus": "xsid", "language": "it", "split": "test", "sentences": 10})
    assert chosen == [row.id.replace("-it-", "-de-") for row in italian.load(Source(tmp_path, tmp_path))]
    places = [int(name.rsplit("-", 1)[1]) for name in chosen]
    assert len(set(places)) == 10 and places == sorted(places) and places[-1] > 20


def test_more_sentences_than_xsid_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"de\.test\.conll: has only 1 sentences, not 2"):
        xsid(tmp_path, BLOCK, sentences=2)


@pytest.mark.parametrize("cut", ["# intent = alarm/set_alarm\n", "\tB-datetime"])
def test_a_block_of_xsid_that_does_not_fit_is_named_by_its_first_row(tmp_path: Path, cut: str) -> None:
    with pytest.raises(InputError, match=r"de\.test\.conll, row \d+: needs # intent"):
        xsid(tmp_path, BLOCK + "\n" + BLOCK.replace(cut, "", 1).replace("= 9", "= 10"))


def test_a_block_without_an_id_is_named_by_its_number(tmp_path: Path) -> None:
    first, second = xsid(tmp_path, BLOCK + "\n" + BLOCK.replace("# id = 9\n", ""))
    assert [first.id, second.id] == ["xsid-test-de-9", "xsid-test-de-2"]


def test_clitics_are_parted_as_slurp_parts_them() -> None:
    assert slurp_tokens("What's in Jessica's list, I don't know") == "what 's in jessica 's list, i do n't know"


FLUENT = (
    ",path,speakerId,transcription,action,object,location\n0,wavs/a.wav,s1,Turn on the lights.,activate,lights,none\n"
)


def fluent(root: Path, text: str) -> tuple[Utterance, ...]:
    folder = root / "fluent_speech_commands_dataset"
    (folder / "data").mkdir(parents=True)
    (folder / "wavs").mkdir()
    sound_file(folder / "wavs" / "a.wav", 0.5)
    (folder / "data" / "valid_data.csv").write_text(text)
    return FluentCorpus.model_validate({"corpus": "fluent", "split": "valid"}).load(Source(root, root))


def test_fluent_has_an_action_and_what_it_is_about(tmp_path: Path) -> None:
    (found,) = fluent(tmp_path, FLUENT)
    assert (found.id, found.text, found.frame) == ("fluent-a", "turn on the lights", frame("activate", "object:lights"))
    assert [(r.seconds, r.speaker) for r in found.recordings] == [(0.5, "s1")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("speakerId", "who"), "lacks the column 'speakerId'"),
        (("activate", ""), r"row 2: a cell is empty"),
        (("a.wav", "b.wav"), r"b\.wav: no such recording"),
    ],
)
def test_a_fault_in_fluent_is_named(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        fluent(tmp_path, FLUENT.replace(*change))


@pytest.mark.parametrize(("split", "count"), [("train", 13_784), ("validation", 700)])
def test_the_published_snips_has_its_counts(data_root: Path, split: str, count: int) -> None:
    found = SnipsCorpus.model_validate({"corpus": "snips", "split": split}).load(Source(data_root, data_root))
    assert len(found) == count and not any("\ufffd" in str(u.text) for u in found)
    assert all(entity.filler in str(u.text) for u in found for entity in u.frame.entities)


@pytest.mark.parametrize("language", ["ar", "da", "de", "en", "id", "it", "ja", "nl", "sr", "tr", "zh"])
def test_the_published_xsid_has_its_counts(data_root: Path, language: str) -> None:
    for split, count in (("valid", 300), ("test", 500)):
        content = {"corpus": "xsid", "language": language, "split": split}
        found = XsidCorpus.model_validate(content).load(Source(data_root, data_root))
        assert len(found) == (count // 2 if language == "ja" else count)
        assert all(entity.filler in str(u.text) for u in found for entity in u.frame.entities)


def test_the_typed_sentences_leak_into_no_test_of_slurp(data_root: Path) -> None:
    found = NluEvalCorpus.model_validate({"corpus": "nlu-eval"}).load(Source(data_root, data_root))
    everything = NluEvalCorpus.model_validate({"corpus": "nlu-eval", "with_slurp_test": True})
    assert len(found) == 8_856 and len(everything.load(Source(data_root, data_root))) == 11_033
    rows = [
        json.loads(line)
        for split in ("devel", "test")
        for line in (data_root / f"slurp_devtest/{split}.jsonl").read_text().splitlines()
    ]
    tested = {slurp_tokens(row["sentence"]) for row in rows}
    assert not tested & {str(utterance.text) for utterance in found}
