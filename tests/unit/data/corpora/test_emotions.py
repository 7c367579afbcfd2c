"""CREMA-D, RAVDESS, MELD and IEMOCAP: labels by the names of files or by their tables, and splits by speaker."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from builders import sound_file
from eartune.data.corpora import Corpus, Source
from eartune.data.corpora.crema_d import ACTORS, actors_of
from eartune.data.utterance import Utterance
from eartune.errors import InputError


def load(root: Path, **settings: Any) -> tuple[Utterance, ...]:
    corpus = TypeAdapter(Corpus).validate_python(settings)
    return corpus.load(Source(root, root))


def sounds(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        sound_file(root / file)


def crema_d(root: Path, split: str) -> tuple[Utterance, ...]:
    return load(root, corpus="crema-d", split=split)


def test_the_actors_of_crema_d_are_in_one_split_each() -> None:
    splits = [actors_of(split) for split in ("train", "dev", "test")]
    assert [len(actors) for actors in splits] == [68, 9, 14]
    assert frozenset.union(*splits) == set(ACTORS)


def test_a_clip_of_crema_d_says_its_actor_sentence_and_emotion(tmp_path: Path) -> None:
    actor, other = min(actors_of("test")), min(actors_of("train"))
    names = [f"{actor}_IEO_ANG_HI", f"{actor}_IEO_SAD_XX", f"{other}_WSI_NEU_XX"]
    sounds(tmp_path, *(f"crema_d/AudioWAV/{name}.wav" for name in names))
    angry, sad = crema_d(tmp_path, "test")
    assert (angry.id, angry.text, angry.label) == (f"crema-d-{names[0]}", "it's eleven o'clock", "anger")
    assert (sad.text, sad.label, sad.frame) == (angry.text, "sad", None)
    assert [(r.path.stem, r.seconds, r.speaker) for r in angry.recordings] == [(names[0], 0.5, f"crema-d-{actor}")]
    assert [one.label for one in crema_d(tmp_path, "train")] == ["neutral"]
    assert crema_d(tmp_path, "dev") == ()


@pytest.mark.parametrize("name", ["1001_IEO_ANG", "1001_XXX_ANG_HI", "1001_IEO_JOY_HI", "2001_IEO_ANG_HI"])
def test_a_clip_of_another_name_is_refused(tmp_path: Path, name: str) -> None:
    sounds(tmp_path, f"crema_d/AudioWAV/{name}.wav")
    with pytest.raises(InputError, match=rf"{name}\.wav: is not named as ACTOR_SENTENCE_EMOTION_LEVEL\.wav"):
        crema_d(tmp_path, "test")


def test_what_is_sung_is_no_speech_of_ravdess(tmp_path: Path) -> None:
    spoken, sung = "03-01-06-01-02-01-22", "03-02-06-01-02-01-22"
    trained = "03-01-08-02-01-02-01"
    sounds(
        tmp_path, f"ravdess/Actor_22/{spoken}.wav", f"ravdess/Actor_22/{sung}.wav", f"ravdess/Actor_01/{trained}.wav"
    )
    (found,) = load(tmp_path, corpus="ravdess", split="test")
    assert (found.id, found.text, found.label) == (f"ravdess-{spoken}", "dogs are sitting by the door", "fearful")
    assert found.recordings[0].speaker == "ravdess-22"
    (found,) = load(tmp_path, corpus="ravdess", split="train")
    assert (found.label, found.text) == ("surprised", "kids are talking by the door")


MELD = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
LOST = '1,"Oh my God, he\u0092s lost it.",Phoebe,sadness,negative,0,0,4,7,"00:20:57,256","00:21:00,049"\n'
NEVER_PUBLISHED = '2,"Hm?",Joey,neutral,neutral,110,7,4,7,"00:20:57,256","00:21:00,049"\n'


def meld(root: Path, text: str, **settings: Any) -> tuple[Utterance, ...]:
    (root / "meld").mkdir(exist_ok=True)
    (root / "meld" / "dev_sent_emo.csv").write_text(MELD + text, encoding="utf-8")
    return load(root, corpus="meld", split="dev", **settings)


def test_meld_is_text_until_the_sound_lies_beside_its_videos(tmp_path: Path) -> None:
    (found,) = meld(tmp_path, LOST)
    assert (found.id, found.text, found.label) == ("meld-dev-dia0_utt0", "oh my god he’s lost it", "sadness")  # noqa: RUF001
    assert found.recordings == ()
    sounds(tmp_path, "meld/dev_splits_complete/dia0_utt0.wav")
    first, second = meld(tmp_path, LOST + NEVER_PUBLISHED, as_heard=False)
    assert first.text == "Oh my God, he’s lost it." and first.recordings[0].speaker == "Phoebe"  # noqa: RUF001
    assert (second.text, second.recordings) == ("Hm?", ())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("sadness", "bliss", r"row 2: needs numbers of dialogue and utterance, and one of anger,"),
        ("negative,0,0", "negative,0,x", r"row 2: needs numbers"),
        ("negative,0,0", "negative,0,1", r"dia0_utt1\.wav: no such recording"),
    ],
)
def test_a_row_of_meld_that_does_not_fit_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    sounds(tmp_path, "meld/dev_splits_complete/dia0_utt0.wav")
    with pytest.raises(InputError, match=said):
        meld(tmp_path, LOST.replace(old, new))


def test_a_column_that_meld_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "meld").mkdir()
    (tmp_path / "meld" / "dev_sent_emo.csv").write_text(MELD.replace("Emotion", "Mood"))
    with pytest.raises(InputError, match=r"dev_sent_emo\.csv: lacks the column 'Emotion'"):
        load(tmp_path, corpus="meld", split="dev")


LABELS = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n" + "".join(
    f"[{turn}.2901 - {turn}.9357]\tSes05F_impro01_{name}\t{emotion}\t[2.5000, 2.5000, 2.5000]\nC-E2:\tNeutral;\t()\n\n"
    for turn, (name, emotion) in enumerate(
        [("F000", "neu"), ("M000", "exc"), ("F001", "fru"), ("M001", "xxx"), ("M002", "ang")]
    )
)
WORDS = "".join(
    f"Ses05F_impro01_{name} [006.2901-008.2357]: {words}\n"
    for name, words in (("F000", "Excuse me."), ("M000", "Do you have your forms?"), ("M002", "[LAUGHTER]..."))
)


def iemocap(root: Path, labels: str = LABELS, **settings: Any) -> tuple[Utterance, ...]:
    session = root / "IEMOCAP_full_release" / "Session5"
    for folder, text in (("EmoEvaluation", labels), ("transcriptions", WORDS + "M: this is no turn\n")):
        (session / "dialog" / folder).mkdir(parents=True, exist_ok=True)
        (session / "dialog" / folder / "Ses05F_impro01.txt").write_text(text)
    place = "IEMOCAP_full_release/Session5/sentences/wav/Ses05F_impro01/Ses05F_impro01"
    sounds(root, *(f"{place}_{name}.wav" for name in ("F000", "M000", "F001", "M002")))
    return load(root, **({"corpus": "iemocap", "split": "test"} | settings))


def test_iemocap_has_four_emotions_with_excitement_as_happiness(tmp_path: Path) -> None:
    found = iemocap(tmp_path)
    assert [(one.id[-4:], one.label, one.text) for one in found] == [
        ("F000", "neutral", "excuse me"),
        ("M000", "happy", "do you have your forms"),
        ("M002", "angry", None),
    ]
    assert [one.recordings[0].speaker for one in found] == ["Ses05F", "Ses05M", "Ses05M"]


def test_iemocap_has_all_emotions_on_which_the_judges_agreed_if_asked(tmp_path: Path) -> None:
    found = iemocap(tmp_path, emotions="all")
    assert [one.label for one in found] == ["neutral", "excited", "frustrated", "angry"]
    assert found[2].text is None


def test_a_session_of_iemocap_is_in_training_or_in_the_test(tmp_path: Path) -> None:
    iemocap(tmp_path)
    with pytest.raises(InputError, match=r"Session1.*: holds no labels"):
        load(tmp_path, corpus="iemocap", split="train")
    with pytest.raises(InputError, match=r"Session4.*: holds no labels"):
        load(tmp_path, corpus="iemocap", split="test", session=4)


def test_an_emotion_that_iemocap_does_not_know_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Ses05F_impro01_F000: the emotion 'bad' is not one of IEMOCAP's"):
        iemocap(tmp_path, LABELS.replace("\tneu\t", "\tbad\t"))


@pytest.mark.parametrize("corpus", ["crema-d", "ravdess"])
def test_an_empty_folder_is_named(tmp_path: Path, corpus: str) -> None:
    with pytest.raises(InputError, match=r"holds no "):
        load(tmp_path, corpus=corpus, split="test")
