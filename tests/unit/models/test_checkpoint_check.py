"""A checkpoint that is not whole, or not data, is refused in a sentence, and nothing of it is run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from eartune.errors import InputError
from eartune.models.architecture import Architecture
from eartune.models.families.qwen2_audio import Qwen2Audio
from eartune.models.size_from_config import size_of
from tiny_models import byte_tokenizer, tiny

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    tiny(Qwen2Audio).save(folder)
    return folder


class Bomb:
    """What a pickle can do to those who open it."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return (Path.touch, (self.victim,))


def pickled(folder: Path) -> None:
    torch.save({"lm_head.weight": Bomb(folder / "exploded")}, folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()


def cut(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


def pointer(folder: Path) -> None:
    (folder / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n")


def half_of_the_shards(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    names = sorted(weights)
    save_file({name: weights[name] for name in names[:10]}, folder / first, metadata={"format": "pt"})
    places = {name: first if name in names[:10] else second for name in names}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


def some_weights(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    some = {name: value for name, value in weights.items() if "lm_head" not in name}
    save_file(some, folder / WEIGHTS, metadata={"format": "pt"})


def other_shapes(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 48
    (folder / "config.json").write_text(json.dumps(config))


def adapter(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "Qwen/Qwen2-Audio-7B-Instruct"}')


def text_tokenizer(folder: Path) -> None:
    tokenizer = byte_tokenizer((), "<|im_end|>")
    tokenizer.save_pretrained(folder)


FAULTS: dict[Callable[[Path], None], str] = {
    pickled: r"pytorch_model\.bin may run code when it is opened; save the model as safetensors$",
    cut: r"its weights cannot be read \(.*incomplete metadata.*\); fetch it again$",
    pointer: r"its weights cannot be read \(.*header too (small|large).*\); fetch it again$",
    half_of_the_shards: r"its weights cannot be read \(.*00002-of-00002\.safetensors\); fetch it again$",
    some_weights: r"lacks 1 weights, such as lm_head\.weight; fetch it again$",
    other_shapes: r"down_proj\.weight has another shape than config\.json says; fetch both again$",
    adapter: r"is an adapter for Qwen/Qwen2-Audio-7B-Instruct and no model; name the folder of the run that ",
    text_tokenizer: r"the tokenizer has no audio token \d+; is it that of the language model alone\?$",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_checkpoint_that_is_no_whole_model_is_refused(
    whole: Path, tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(whole, folder)
    fault(folder)
    with pytest.raises(InputError, match=FAULTS[fault]):
        Qwen2Audio.load(str(folder), torch.float32)
    assert not (folder / "exploded").exists()


def test_a_plan_notices_an_adapter_too(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(whole, folder)
    adapter(folder)
    with pytest.raises(InputError, match="is an adapter for"):
        size_of(Architecture(type="qwen2-audio", checkpoint=str(folder)))


def test_code_that_comes_with_a_checkpoint_is_not_run(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "coded"
    shutil.copytree(whole, folder)
    (folder / "evil.py").write_text(f"open({str(folder / 'exploded')!r}, 'w')\nclass Config: pass\n")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoConfig": "evil.Config"}}))
    Qwen2Audio.load(str(folder), torch.float32)
    assert not (folder / "exploded").exists()


def test_a_library_that_is_too_old_is_named(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eartune.models.transformers_version.version", lambda package: "5.16.1")
    with pytest.raises(InputError, match=r"a qwen2_audio needs transformers 5\.17 or newer; here is 5\.16\.1$"):
        Qwen2Audio.load(str(whole), torch.float32)
