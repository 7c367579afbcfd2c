"""A damaged file of any corpus gives its utterances, or one sentence that names it; never another error."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from builders import sound_file
from eartune.data.corpora import Corpus, Source
from eartune.data.corpora.snips import INTENTS
from eartune.data.utterance import write_manifest
from eartune.errors import InputError
from eartune.tasks.slu import Schema

MASSIVE = {
    "id": "1",
    "locale": "it-IT",
    "partition": "test",
    "scenario": "alarm",
    "intent": "alarm_set",
    "utt": "svegliami alle cinque",
    "annot_utt": "svegliami [time : alle cinque]",
}
ITALIC = {"id": 1, "utt": "svegliami", "intent": "alarm_set"}
SLURP = {
    "slurp_id": 7,
    "scenario": "alarm",
    "action": "set",
    "tokens": [{"id": 0, "surface": "wake"}, {"id": 1, "surface": "Friday"}],
    "recordings": [{"file": "a-headset.wav", "wer": 0.0, "status": "correct"}],
    "entities": [{"type": "date", "span": [1]}],
}
NLU_EVAL = {
    "sentence": "wake me on friday",
    "scenario": "alarm",
    "action": "set",
    "entities": [{"type": "date", "filler": "friday"}],
    "in_slurp": None,
}
SNIPS = {"PlayMusic": [{"data": [{"text": "play "}, {"text": "déjà vu", "entity": "track"}]}]}
CONLL = "# id = 1\n# text = Regnet es?\n# intent = weather/find\n1\tRegnet\tweather/find\tB-attribute\n2\tes\tx\tO\n"
FLUENT = ",path,speakerId,transcription,action,object,location\n0,a.wav,s1,Change language,change language,none,none\n"
MELD = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
    '1,"It is, it is.",Phoebe,sadness,negative,0,0,4,7,"00:20:57,256","00:21:00,049"\n'
)
IEMOCAP = "[6.2901 - 8.2357]\tSes05F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]\nC-E2:\tNeutral;\t()\n"

CORPORA: dict[str, tuple[dict[str, str], str, Any]] = {
    "slurp": ({"corpus": "slurp", "split": "test", "recordings": "best"}, "slurp/test.jsonl", SLURP),
    "slurp-headset": ({"corpus": "slurp", "split": "test", "recordings": "headset"}, "slurp/test.jsonl", SLURP),
    "massive": ({"corpus": "massive", "split": "test", "locale": "it-IT"}, "massive/it-IT.jsonl", MASSIVE),
    "italic": ({"corpus": "italic", "split": "test"}, "italic/massive_test.json", ITALIC),
    "italic-slots": ({"corpus": "italic", "split": "test"}, "massive/it-IT.jsonl", MASSIVE),
    "snips": ({"corpus": "snips", "split": "train"}, "snips_cc0/train_PlayMusic_full.json", SNIPS),
    "xsid": ({"corpus": "xsid", "split": "test", "language": "de"}, "xsid/de.test.conll", CONLL),
    "nlu-eval": ({"corpus": "nlu-eval"}, "nlu_eval/nlu_eval_annotated.jsonl", NLU_EVAL),
    "picovoice": (
        {"corpus": "picovoice", "split": "test"},
        "picovoice_sti/labels.jsonl",
        {"file": "a.wav", "intent": "orderDrink", "slots": {"size": "small"}},
    ),
    "fluent": ({"corpus": "fluent", "split": "test"}, "fluent_speech_commands_dataset/data/test_data.csv", FLUENT),
    "covost2": (
        {"corpus": "covost2", "language": "de", "to": "en", "split": "test"},
        "covost2/de/covost_v2.de_en.tsv",
        "path\ttranslation\tsplit\na.wav\tThis is it.\ttest\n",
    ),
    "covost2-words": (
        {"corpus": "covost2", "language": "de", "to": "en", "split": "test"},
        "covost2/de/validated.tsv",
        "client_id\tpath\tsentence\nc1\ta.wav\tDas ist es.\n",
    ),
    "fleurs": (
        {"corpus": "fleurs", "language": "de_de", "to": "en_us", "split": "test"},
        "fleurs/de_de/test.tsv",
        "1\ta.wav\tDas ist es.\tdas ist es\td a s |\t8000\tMALE\n",
    ),
    "fleurs-into": (
        {"corpus": "fleurs", "language": "de_de", "to": "en_us", "split": "test"},
        "fleurs/en_us/test.tsv",
        "1\tb.wav\tThis is it.\tthis is it\tt h i s |\t8000\tMALE\n",
    ),
    "meld": ({"corpus": "meld", "split": "test"}, "meld/test_sent_emo.csv", MELD),
    "iemocap": (
        {"corpus": "iemocap", "split": "test"},
        "IEMOCAP_full_release/Session5/dialog/EmoEvaluation/Ses05F_impro01.txt",
        IEMOCAP,
    ),
    "iemocap-words": (
        {"corpus": "iemocap", "split": "test"},
        "IEMOCAP_full_release/Session5/dialog/transcriptions/Ses05F_impro01.txt",
        "Ses05F_impro01_F000 [006.2901-008.2357]: This is it.\n",
    ),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every corpus whole, with one sentence."""
    folder = tmp_path_factory.mktemp("data")
    for _, path, content in CORPORA.values():
        put(folder / path, encoded(content))
    for intent in set(INTENTS) - {"PlayMusic"}:
        put(folder / f"snips_cc0/train_{intent}_full.json", encoded({intent: []}))
    for place in (
        "slurp/slurp_real/a-headset.wav",
        "picovoice_sti/recordings/a.wav",
        "fluent_speech_commands_dataset/a.wav",
        "covost2/de/clips/a.wav",
        "fleurs/de_de/audio/test/a.wav",
        "IEMOCAP_full_release/Session5/sentences/wav/Ses05F_impro01/Ses05F_impro01_F000.wav",
    ):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        sound_file(folder / place)
    return folder


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def encoded(content: Any) -> bytes:
    return (content if isinstance(content, str) else json.dumps(content) + "\n").encode()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda content: content,
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) * 2 // 3],
    "other encoding": lambda content: content + "é".encode("latin-1"),
    "a zero byte": lambda content: content[:40] + b"\0" + content[40:],
    "a line of 10 MB": lambda content: content.rstrip(b"\n") + b"x" * 10_000_000 + b"\n",
    "a cell of 10 MB": lambda content: content.replace(b"i", b"i" * 1_000_000),
    "no objects": lambda content: b"[1, 2]\n",
    "deeply nested": lambda content: b"[" * 100_000,
    "other separators": lambda content: content.replace(b",", b";").replace(b"\t", b" "),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", CORPORA)
def test_damage_is_told_in_a_sentence(root: Path, tmp_path: Path, name: str, damage: str) -> None:
    _, path, content = CORPORA[name]
    load_or_refuse(root, tmp_path, name, DAMAGES[damage](encoded(content)), must_load=damage == "none")
    assert (root / path).read_bytes() == encoded(content)


BLANKS: dict[str, tuple[str, str, str]] = {  # what stands in the file, what it is replaced by, and what is said then
    "slurp": ('"span": [1]', '"span": []', "row 1: the entity 'date' has no words"),
    "slurp-headset": ('"surface": "Friday"', '"surface": " "', "row 1: the entity 'date' has no words"),
    "massive": ("[time : alle cinque]", "[time :  ]", "row 1: the entity 'time' has no words"),
    "italic-slots": ("[time : alle cinque]", "[ : alle cinque]", "row 1: the entity 'alle cinque' has a blank type"),
    "snips": ('{"text": "d\\u00e9j\\u00e0 vu"', '{"text": "?!"', "row 1: the entity 'track' has no words"),
    "xsid": ("B-attribute", "B- ", "row 1: the entity 'regnet' has a blank type"),
    "nlu-eval": ('"filler": "friday"', '"filler": " "', "row 1: the entity 'date' has no words"),
    "picovoice": ('"small"', '"\\t"', "row 1: the entity 'size' has no words"),
    "fluent": (",none,none", ", ,none", "row 2: the entity 'object' has no words"),
}


@pytest.mark.parametrize("name", BLANKS)
def test_an_entity_that_is_blank_does_not_pass_and_end_the_run_after_training(
    root: Path, tmp_path: Path, name: str
) -> None:
    settings, path, content = CORPORA[name]
    before, after, said = BLANKS[name]
    assert encoded(content).decode().count(before) == 1
    put(root / path, encoded(content).replace(before.encode(), after.encode()))
    try:
        with pytest.raises(InputError) as fault:
            TypeAdapter(Corpus).validate_python(settings).load(Source(root, tmp_path))
    finally:
        put(root / path, encoded(content))
    assert str(fault.value).startswith(str(root / path)) and said in str(fault.value)


@pytest.mark.parametrize("name", [name for name, (_, _, content) in CORPORA.items() if isinstance(content, dict)])
def test_any_value_may_be_of_another_kind_or_missing(root: Path, tmp_path: Path, name: str) -> None:
    for changed in changes(CORPORA[name][2]):
        load_or_refuse(root, tmp_path, name, encoded(changed))


def changes(value: Any) -> Iterator[Any]:
    """The value with one part of it, however deep, of another kind or gone."""
    yield from (None, 5, "", [], {}, [5], "x")
    if isinstance(value, dict):
        for key in value:
            yield {other: part for other, part in value.items() if other != key}
            yield from (value | {key: changed} for changed in changes(value[key]))
    if isinstance(value, list):
        for place in range(len(value)):
            yield from ([*value[:place], changed, *value[place + 1 :]] for changed in changes(value[place]))


def load_or_refuse(root: Path, tmp_path: Path, name: str, content: bytes, must_load: bool = False) -> None:
    settings, path, whole = CORPORA[name]
    corpus = TypeAdapter(Corpus).validate_python(settings)
    put(root / path, content)
    try:
        utterances = corpus.load(Source(root, tmp_path))
    except InputError as fault:
        assert str(root) in str(fault) and "\n" not in str(fault) and not must_load
    else:
        Schema.of(utterance.frame for utterance in utterances if utterance.frame)
        write_manifest(tmp_path / "manifest.jsonl", utterances)
    finally:
        put(root / path, encoded(whole))
