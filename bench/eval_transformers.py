"""Perplexity by transformers in fp32: eval_transformers.py MODEL TOKENS.i32 WINDOW WINDOWS THREADS. Prints seconds of the forward passes and the perplexity."""
import sys
import time

import numpy as np
import torch
from transformers import AutoModelForCausalLM

model_dir, tokens, window, windows, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
torch.set_num_threads(threads)
model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32).eval()
ids = torch.from_numpy(np.fromfile(tokens, "<i4").astype("int64"))
start, nll = time.monotonic(), []
with torch.no_grad():
    for i in range(windows):
        x = ids[i * window : (i + 1) * window][None]
        logits = model(input_ids=x).logits[0, :-1]
        nll.append(torch.nn.functional.cross_entropy(logits.double(), x[0, 1:]).item())
seconds = time.monotonic() - start
print(f"{seconds:.3f},{np.exp(np.mean(nll)):.6f}")
