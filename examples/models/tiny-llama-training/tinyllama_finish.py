"""Outlier transform and export of the tiny LLaMA fixture. usage: tinyllama_finish.py OUT   (OUT as tinyllama_train.py wrote it)
Reads tinyllama_f32.pt beside OUT; writes OUT/{model.safetensors,config.json,generation_config.json,outliers.json} with outlier channels
and prints the perplexity of test.txt before and after. The smooth model is the same function; outliers.json undoes the transform."""
import json
import math
import os
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(int(os.environ.get('TH', '1')))
if len(sys.argv) != 2:
    sys.exit('usage: tinyllama_finish.py OUT   (OUT as tinyllama_train.py wrote it; tinyllama_f32.pt lies beside OUT)')
OUT = os.path.abspath(sys.argv[1])
ROOT = os.path.dirname(OUT)
if not os.path.exists(f'{ROOT}/tinyllama_f32.pt'):
    sys.exit(f'tinyllama_f32.pt is not beside {OUT}: run tinyllama_train.py first')

cfg = dict(architectures=['LlamaForCausalLM'], model_type='llama', hidden_act='silu', hidden_size=128, intermediate_size=256, num_hidden_layers=4,
           num_attention_heads=4, num_key_value_heads=2, head_dim=32, vocab_size=512, max_position_embeddings=512, rms_norm_eps=1e-5,
           rope_theta=10000.0, rope_scaling=None, tie_word_embeddings=True, attention_bias=False, mlp_bias=False, attention_dropout=0.0,
           bos_token_id=0, eos_token_id=0, initializer_range=0.02, use_cache=True, torch_dtype='bfloat16')
json.dump(cfg, open(OUT + '/config.json', 'w'), indent=1)
json.dump(dict(bos_token_id=0, eos_token_id=0, do_sample=False), open(OUT + '/generation_config.json', 'w'), indent=1)
C = LlamaConfig(**{k: v for k, v in cfg.items() if k not in ('architectures', 'model_type', 'torch_dtype')})
smooth = torch.load(ROOT + '/tinyllama_f32.pt')
smooth.pop('lm_head.weight', None)


def build(sd):
    m = LlamaForCausalLM(C).float()
    m.load_state_dict({**{k: v.float() for k, v in sd.items()}, 'lm_head.weight': sd['model.embed_tokens.weight'].float()})
    return m.eval()


@torch.no_grad()
def ppl(m, a, w=256):
    s = n = 0
    for i in range(0, len(a) - w, w):
        x = a[i:i + w + 1][None]
        s += torch.nn.functional.cross_entropy(m(input_ids=x[:, :-1]).logits[0].float(), x[0, 1:], reduction='sum').item()
        n += w
    return math.exp(s / n)


# Outlier channels: the same hidden channels in every layer, as large models have; a few private ones per layer; and the inputs of down_proj.
r = np.random.default_rng(77)
shared = sorted(r.choice(128, 3, replace=False).tolist())
record = []
rough = {k: v.clone().float() for k, v in smooth.items()}


def move(up, index, factor, downs):
    """scale row `index` of up, divide the column of every reader: the function stays"""
    rough[up][index] *= factor
    for d in downs:
        rough[d][:, index] /= factor
    record.append(dict(scale_up=up, axis_up=0, index=index, factor=factor, scale_down=downs, axis_down=1))


for layer in range(4):
    p = f'model.layers.{layer}.'
    for norm, linears in (('input_layernorm', ('self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj')),
                          ('post_attention_layernorm', ('mlp.gate_proj', 'mlp.up_proj'))):
        for c in shared + [int(x) for x in r.choice([i for i in range(128) if i not in shared], 1)]:
            move(p + norm + '.weight', c, round(float(r.uniform(20, 60)), 2), [p + q + '.weight' for q in linears])
    for c in sorted(r.choice(256, 3, replace=False).tolist()):
        move(p + 'mlp.up_proj.weight', c, round(float(r.uniform(4, 12)), 2), [p + 'mlp.down_proj.weight'])
json.dump(dict(seed=77, shared_channels=shared, transforms=record), open(OUT + '/outliers.json', 'w'), indent=0)
bf16 = {k: v.to(torch.bfloat16).contiguous() for k, v in rough.items()}
save_file(bf16, OUT + '/model.safetensors', metadata={'format': 'pt'})

ids = torch.tensor(Tokenizer.from_file(OUT + '/tokenizer.json').encode(open(f'{OUT}/test.txt', newline='').read(), add_special_tokens=False).ids)
for name, sd in (('smooth f32', smooth), ('outliers f32', rough), ('outliers bf16', bf16)):
    print(name, ppl(build(sd), ids), flush=True)
