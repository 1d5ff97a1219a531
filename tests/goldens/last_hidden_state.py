"""Write the golden of the encoder: the last hidden state of eight sentences, as PyTorch computes it.

Ran with Python 3.11.7, torch 2.15.0, transformers 5.23.0, tokenizers 0.23.3, safetensors 0.8.0, numpy 2.4.6
on one CPU thread:

    python tests/goldens/last_hidden_state.py --checkpoint target/backbone/source \
        --out tests/fixtures/last_hidden_state.safetensors

Writes FILE with one tensor `alone.{i}` [tokens, hidden] in f32 for each sentence, computed by itself, and
`sentences.json` beside it: the texts, their token ids with [CLS] and [SEP], and how far the same rows lie from them
when all sentences are padded into one batch, and when everything is computed in f64. Only where the batch strays
further than 1e-5 is it stored too, as `batch.{i}`.
"""

import argparse
import json
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoTokenizer, BertModel

# All of different length; the total stays under 390 tokens, so that the file stays under 600 kB.
SENTENCES = [
    "Rain",
    "Where does it hurt?",
    "The harbour froze over twice that winter.",
    "Order #4471 (3 × €12.50) never arrived; I'd like my money back, please.",
    "Señora Núñez sipped a crème brûlée latte in Malmö 😀🎉, then wrote 東京は雨です and 北京 on a postcard to Łódź.",
    "A bakery that opens at five in the morning has usually been awake since two: dough does not wait for anybody, "
    "and an oven that is cold at half past three means an empty counter when the first bus goes by.",
    "When the tide is out you can walk from the lighthouse to the island, along a ridge of sand and mussel shells "
    "which the charts have marked as uncertain since 1893. Do not try it in fog: the water returns from both sides at "
    "once.",
    "The museum keeps its oldest instrument in a drawer that is opened only once a year. It is a brass astrolabe the "
    "size of a saucer, engraved by a maker whose name nobody has managed to read, and it still gives the height of "
    "the sun to within half a degree. On the day of the opening a curator in cotton gloves carries it to the terrace, "
    "waits for noon, and lets one visitor take a measurement. The figures go into a ledger, next to those of every "
    "summer since the building was finished. Some are absurd: in one wet year the visitor seems to have measured a "
    "chimney. Most agree with the almanac, though, and the curators are fond of saying that a tool which has outlived "
    "eleven directors, two fires and a flood deserves to be trusted more than the weather. Last June it was a girl of "
    "nine who held it; she asked whether the sun knew that it was being measured, and nobody on the whole "
    "terrace could tell her.",
]
BATCH_TOLERANCE = 1e-5


def alone(model, ids):
    """Last hidden state [tokens, hidden] of one sentence, without padding."""
    return model(input_ids=torch.tensor([ids])).last_hidden_state[0]


def in_batch(model, all_ids, pad):
    """The same rows, taken out of one batch padded to the longest sentence and masked."""
    longest = max(map(len, all_ids))
    ids = torch.tensor([i + [pad] * (longest - len(i)) for i in all_ids])
    mask = torch.tensor([[1] * len(i) + [0] * (longest - len(i)) for i in all_ids])
    states = model(input_ids=ids, attention_mask=mask).last_hidden_state
    return [states[row, : len(i)] for row, i in enumerate(all_ids)]


def furthest(a, b):
    """The largest absolute difference over a list of tensors."""
    return max((x.double() - y.double()).abs().max().item() for x, y in zip(a, b, strict=True))


def main():
    """Compute, compare and write."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--checkpoint", type=Path, required=True, metavar="DIR")
    arguments.add_argument("--out", type=Path, required=True, metavar="FILE")
    options = arguments.parse_args()

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    tokenizer = AutoTokenizer.from_pretrained(options.checkpoint)
    model = BertModel.from_pretrained(options.checkpoint, attn_implementation="eager", dtype=torch.float32).eval()

    ids = [tokenizer(text)["input_ids"] for text in SENTENCES]
    lengths = [len(i) for i in ids]
    assert len(set(lengths)) == len(lengths), f"two sentences are equally long: {lengths}"

    states = [alone(model, i) for i in ids]
    batch = in_batch(model, ids, tokenizer.pad_token_id)
    exact = [alone(model.double(), i) for i in ids]
    difference = furthest(states, batch)

    tensors = {f"alone.{i}": x.contiguous() for i, x in enumerate(states)}
    if difference > BATCH_TOLERANCE:
        tensors |= {f"batch.{i}": x.contiguous() for i, x in enumerate(batch)}
    save_file(tensors, options.out)

    facts = {
        "made_with": {"torch": torch.__version__, "transformers": transformers.__version__},
        "texts": SENTENCES,
        "token_ids": ids,
        "batch_max_abs_difference": difference,
        "f64_max_abs_difference": furthest(states, exact),
    }
    with open(options.out.with_name("sentences.json"), "w", encoding="utf-8") as file:
        lines = (f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items())
        file.write("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"tokens {lengths}, {sum(lengths)} in all; batch differs by {difference:.2e}, "
          f"f64 by {facts['f64_max_abs_difference']:.2e}; {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
