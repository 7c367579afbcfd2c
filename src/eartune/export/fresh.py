"""What plain transformers makes of an exported model: run in a process of its own, without eartune.

python fresh.py MODEL_FOLDER QUESTIONS.safetensors ANSWERS.safetensors PRECISION

Questions are tensors named NUMBER/ARGUMENT of the stock forward; answers are its logits, NUMBER.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file


def main(folder: str, questions: str, answers: str, precision: str) -> None:
    """Load, ask, write down."""
    torch.set_grad_enabled(False)
    model = load(folder, precision)
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
    (name,) = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))["architectures"]
    model = getattr(transformers, name).from_pretrained(folder, dtype=precision).eval()
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


if __name__ == "__main__":
    main(*sys.argv[1:])
