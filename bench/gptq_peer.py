"""One-shot quantization by a peer: gptq_peer.py llm-compressor|auto-round MODEL TOKENS.i32 OUT SAMPLES LENGTH THREADS [ITERATIONS] [BLOCKS].
Prints wall seconds (model loaded to tensors saved), CPU seconds, peak RSS in MB and the number of blocks done. BLOCKS (auto-round): stop after so many."""
import resource
import sys
import time

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

peer, model_dir, tokens, out = sys.argv[1:5]
samples, length, threads = map(int, sys.argv[5:8])
iterations = int(sys.argv[8]) if len(sys.argv) > 8 else 200
blocks = int(sys.argv[9]) if len(sys.argv) > 9 else 0
torch.set_num_threads(threads)
ids = np.fromfile(tokens, "<i4")[: samples * length].reshape(samples, length)


class Enough(Exception):
    """Raised after the last block that was asked for."""


def llm_compressor():
    from datasets import Dataset
    from llmcompressor import oneshot
    from llmcompressor.modifiers.quantization import GPTQModifier

    data = Dataset.from_dict({"input_ids": ids.tolist(), "attention_mask": np.ones_like(ids).tolist()})
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype="auto")
    recipe = GPTQModifier(targets="Linear", scheme="NVFP4", ignore=["lm_head"])
    oneshot(
        model=model,
        dataset=data,
        recipe=recipe,
        max_seq_length=length,
        num_calibration_samples=samples,
        shuffle_calibration_samples=False,
    )
    model.save_pretrained(out, save_compressed=True)
    return model.config.num_hidden_layers


def stop_after(most):
    """Counts the blocks that the peer tunes, and stops before one too many; the count is a list of one number."""
    from auto_round.algorithms.quantization.sign_round.quantizer import SignRoundQuantizer

    done, tune = [0], SignRoundQuantizer.quantize_block

    def counted(self, *args, **named):
        if most and done[0] == most:
            raise Enough
        result = tune(self, *args, **named)
        done[0] += 1
        return result

    SignRoundQuantizer.quantize_block = counted
    return done


def auto_round():
    from auto_round import AutoRound

    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype="auto")
    sample = lambda row: {"input_ids": torch.tensor(row.astype("int64"))[None], "attention_mask": torch.ones(1, length, dtype=torch.long)}
    rounder = AutoRound(
        model,
        AutoTokenizer.from_pretrained(model_dir),
        bits=4,
        group_size=64,
        sym=False,
        iters=iterations,
        nsamples=samples,
        seqlen=length,
        batch_size=8,
        dataset=[sample(row) for row in ids],
        device_map="cpu",
        enable_torch_compile=False,
    )
    done = stop_after(blocks)
    try:
        rounder.quantize()
    except Enough:
        pass
    return done[0]


start = time.monotonic()
done = {"llm-compressor": llm_compressor, "auto-round": auto_round}[peer]()
use = resource.getrusage(resource.RUSAGE_SELF)
print(f"{time.monotonic() - start:.2f},{use.ru_utime + use.ru_stime:.2f},{use.ru_maxrss / 1024:.0f},{done}")
