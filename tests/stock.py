"""What transformers' own search answers, to hold ours against."""

from typing import Any

from torch import Tensor

from eartune.models.batch import Batch
from eartune.models.chat_model import ChatModel
from eartune.settings import Decoding


def stock_tokens(model: ChatModel, batch: Batch, decoding: Decoding, **audio: Any) -> Tensor:
    """The ids of what `generate` writes after the prompts, a row each, padded."""
    written: Tensor = model.model.generate(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        **audio,
        num_beams=decoding.beams,
        max_new_tokens=decoding.max_new_tokens,
        do_sample=False,
        suppress_tokens=[model.audio_token_id],
        pad_token_id=model.tokenizer.pad_token_id,
        eos_token_id=model.tokenizer.convert_tokens_to_ids(model.chat.answer_end),
    )
    return written[:, batch.input_ids.shape[1] :]


def texts(model: ChatModel, tokens: Tensor) -> list[str]:
    """The answers that the ids spell."""
    return [text.strip() for text in model.tokenizer.batch_decode(tokens, skip_special_tokens=True)]
