"""Answers of a model to a batch: the prompts are read into a key-value cache, then a search writes after them."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from eartune.models.audio_llm import AudioLLM
from eartune.models.batch import Batch
from eartune.models.collator import left_padded
from eartune.models.fused_linear import packed_weights
from eartune.models.generation.beam_search import Answer, Rules, Unconstrained, search, unwatched
from eartune.models.generation.json_constraint import Constraint
from eartune.models.generation.kept import Kept
from eartune.models.generation.kv_cache import CachedDecoder
from eartune.models.packed_attention import has_sliding_windows
from eartune.settings import Decoding
from eartune.tasks.prediction import Written
from eartune.tasks.task import Grammar

Watch = Callable[[Callable[[int], str]], None]
"""Called after each step with a function that returns the text so far of a row; what it raises ends the search."""


def generate(model: AudioLLM, batch: Batch, decoding: Decoding, grammar: Grammar | None = None) -> list[str]:
    """Return the text that `write` writes for each row of a batch."""
    return [written.text for written in write(model, batch, decoding, grammar)]


@torch.no_grad()
def write(
    model: AudioLLM,
    batch: Batch,
    decoding: Decoding,
    grammar: Grammar | None = None,
    watch: Watch | None = None,
    kept: Kept | None = None,
) -> list[Written]:
    """Return one answer for each row of a batch without answers; it is on the model's device.

    Each clip is encoded and each prompt computed once, however many beams. With a grammar, and if the settings ask for
    it, answers are constrained to it. With beams, the text that `watch` sees may change until the search ends.
    What is `kept` is not computed again for the next batch.
    """

    def seen(answers: Sequence[Answer]) -> None:
        assert watch is not None
        watch(lambda row: text_so_far(model.tokenizer, answers[row]))

    rules = rules_of(model, decoding, grammar)
    with packed_weights(None if kept is None else kept.packed):
        decoder, states = prefill(model, batch, kept)
        scores = model.head(states[:, -1]).float()
        found = search(StepScores(model, decoder), scores, decoding.beams, rules, unwatched if watch is None else seen)
    texts = model.tokenizer.batch_decode([one.answer for one in found], skip_special_tokens=True)
    return [Written(text.strip(), one.log_probability, one.margin) for text, one in zip(texts, found, strict=True)]


def text_so_far(tokenizer: PreTrainedTokenizerFast, answer: Answer) -> str:
    """Return the text of an unfinished answer, without a last character of which only some bytes are written."""
    text: str = tokenizer.decode(answer, skip_special_tokens=True)
    return text.rstrip("\N{REPLACEMENT CHARACTER}").strip()


def prefill(model: AudioLLM, batch: Batch, kept: Kept | None = None) -> tuple[CachedDecoder, Tensor]:
    """Run the decoder over the prompts, over their shared prefix once, or not at all if it is kept.

    Returns the decoder with its cache, and the hidden states (rows, tokens, width) behind the shared prefix.
    """
    inputs, n = model.decoder_inputs(batch), batch.n_shared if kept is None else _n_kept(model, batch)

    def begun() -> CachedDecoder:
        decoder = CachedDecoder(model.language_model)
        if n:
            decoder.extend({name: value[:1, :n] for name, value in inputs.items()}, batch.attention_mask[:1, :n])
        return decoder

    decoder = begun() if kept is None or not n else kept.beginning(batch.input_ids[0, :n].tolist(), begun)
    if n:
        decoder.repeat(len(batch.input_ids))
    own = {name: value[:, n:] for name, value in inputs.items()}
    return decoder, decoder.extend(own, batch.attention_mask[:, n:])


def _n_kept(model: AudioLLM, batch: Batch) -> int:
    """How many tokens at the beginning of the prompts to read apart: of a row that is alone, those before its clip."""
    if len(batch.input_ids) > 1 or model.collator.shares_prefix != "always":
        return batch.n_shared
    return int((batch.input_ids[0] == model.audio_token_id).int().argmax())  # 0 for a row of text


def rules_of(model: AudioLLM, decoding: Decoding, grammar: Grammar | None) -> Rules:
    """Return the rules that the answers of one search must follow."""
    end = model.tokenizer.convert_tokens_to_ids(model.chat.answer_end)
    if grammar is None or decoding.constrain == "nothing":
        return Unconstrained(end, decoding.max_new_tokens, model.audio_token_id)
    constraint = constraint_of(grammar, model.tokenizer, model.model.config.get_text_config().vocab_size, end)
    # Rows that skip more or fewer tokens than others are padded in between, which sliding windows would count.
    return constraint.rules(decoding.max_new_tokens, skip_forced=not has_sliding_windows(model.language_model))


@lru_cache(maxsize=2)  # for a large vocabulary, one takes seconds to make
def constraint_of(grammar: Grammar, tokenizer: PreTrainedTokenizerFast, n_vocab: int, end: int) -> Constraint:
    """Return a grammar compiled for one tokenizer."""
    return Constraint(grammar, tokenizer, n_vocab, end)


class StepScores:
    """The scores that a search asks for: a model and its cached decoder, one step at a time."""

    def __init__(self, model: AudioLLM, decoder: CachedDecoder) -> None:
        """Begin a search after the prompts that `decoder` has read."""
        self.model = model
        self.decoder = decoder
        decoder.begin_search()

    def select(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in this order."""
        self.decoder.select(rows)

    def extend(self, tokens: Sequence[Answer]) -> Tensor:
        """Append tokens to each row and return the logits (rows, vocabulary) of what comes next, in float32."""
        batch = left_padded(tokens, self.model.tokenizer.pad_token_id).to(self.model.device)
        states = self.decoder.extend(self.model.decoder_inputs(batch), batch.attention_mask)
        return self.model.head(states[:, -1]).float()
