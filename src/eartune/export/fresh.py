"""What plain transformers makes of an exported model: run in a process of its own, without eartune.

python fresh.py FOLDER QUESTIONS.safetensors ANSWERS.safetensors PRECISION BASE

BASE is empty for a whole model, and the model's name or folder where FOLDER holds an adapter for it.
Questions are tensors named NUMBER/ARGUMENT of the stock forward; answers are its logits, NUMBER.
"""

import sys
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file


def main(folder: str, questions: str, answers: str, precision: str, base: str) -> None:
    """Load the model, compute its logits for the questions, and write them to a file."""
    torch.set_grad_enabled(False)
    model = load(base or folder, precision)
    if base:
        import peft

        model = peft.PeftModel.from_pretrained(model, folder).eval()
    asked: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in load_file(questions).items():
        number, _, argument = name.partition("/")
        asked.setdefault(number, {})[argument] = value
    device = next(model.parameters()).device
    found = {}
    for number, arguments in asked.items():
        on_device = {name: value.to(device) for name, value in arguments.items()}
        found[number] = model(**on_device).logits[0].float().cpu().contiguous()
    save_file(found, answers)


def load(folder: str, precision: str) -> Any:
    """The class that the configuration names."""
    (name,) = transformers.PreTrainedConfig.get_config_dict(folder)[0]["architectures"]
    model = getattr(transformers, name).from_pretrained(folder, dtype=precision).eval()
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


if __name__ == "__main__":
    main(*sys.argv[1:])
