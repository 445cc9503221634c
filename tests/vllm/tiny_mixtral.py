"""Makes a Mixtral of half a million random parameters: the true architecture, tokenizer and chat template, but no sense.

    python tiny_mixtral.py DIR

Run by the Python that vLLM is installed for. What it answers means nothing, but depends on what it is asked, and
most of its answers end by themselves: one token in eight ends an answer.
"""

import json
import random
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, MixtralConfig, MixtralForCausalLM, PreTrainedTokenizerFast

VOCABULARY = 2_000
WINDOW = 2_048
ENDINGS = 8
"""One of so many tokens ends an answer; Mixtral has one, which a random model would hardly ever write."""

# What Mixtral's template does, in fewer words: no system role, and users and assistants take turns.
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant and there is no system role') }}{% endif %}"
    "{% if message.role == 'user' %}[INST] {{ message.content }} [/INST]"
    "{% else %} {{ message.content }}{{ eos_token }}{% endif %}{% endfor %}"
)


def corpus(seed: int = 0) -> list[str]:
    """Sentences of invented words, with the frequencies of a language."""
    chance = random.Random(seed)
    syllables = [a + b + c for a in "bdfgklmnprstvz" for b in "aeiou" for c in ("", "n", "r", "s")]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(3_000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    return [" ".join(chance.choices(words, weights, k=12)).capitalize() + "." for _ in range(5_000)]


def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE, trained here."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(corpus(), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=bpe, unk_token="<unk>", bos_token="<s>", eos_token="</s>", model_max_length=WINDOW
    )
    fast.chat_template = TEMPLATE
    return fast


def main(folder: Path) -> None:
    """Write the model, its tokenizer and its generation settings."""
    torch.manual_seed(0)
    config = MixtralConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,  # the smallest that vLLM's attention has on a CPU
        num_local_experts=4,
        num_experts_per_tok=2,
        max_position_embeddings=WINDOW,
        initializer_range=0.3,  # wide enough for the answer to depend on the whole question
        bos_token_id=1,
        eos_token_id=2,
        torch_dtype="bfloat16",
    )
    model = MixtralForCausalLM(config).to(torch.bfloat16)
    model.generation_config = GenerationConfig(
        bos_token_id=1, eos_token_id=[2, *range(3, VOCABULARY, ENDINGS)]
    )
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    count = sum(parameter.numel() for parameter in model.parameters())
    print(json.dumps({"parameters": count}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
