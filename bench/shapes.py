#!/usr/bin/env python3
"""shapes.py -- checkpoint shapes (architecture x type x tying x shards x prefix), each through plan, a recipe without data, a calibrated one,
eval, and transformers with compressed-tensors. Prints the table of docs/checkpoints.md.

    VQ=build/release/vq $VQ_PYTHON bench/shapes.py [--keep DIR] [NAME...] >docs/checkpoints.md

A cell is "ok" or the first words of the no. Ends with 1 where plan and quantize disagree, where a no of eval or of calibration was not told by
plan, or where transformers misses weights or computes something else. Models are random and small. Needs torch, transformers 5.23,
compressed-tensors 0.20, safetensors.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
import transformers as t  # noqa: E402

t.logging.set_verbosity_error()
t.logging.disable_progress_bar()
VQ = os.path.abspath(os.environ.get("VQ", "build/release/vq"))
IDS = torch.tensor([(i * 37 + i * i) % 256 for i in range(600)])
USUAL = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 256,
         "max_position_embeddings": 128, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
KV = dict(USUAL, num_key_value_heads=2)
HEAD = dict(KV, head_dim=16)
VISION = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 16, "patch_size": 8}
LATENT = dict(USUAL, num_key_value_heads=4, q_lora_rank=64, kv_lora_rank=64, qk_nope_head_dim=16, qk_rope_head_dim=16, v_head_dim=16,
              moe_intermediate_size=64, n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=1, first_k_dense_replace=1,
              n_group=2, topk_group=2)

CAUSAL, BASE, CLASS = t.AutoModelForCausalLM, t.AutoModel, t.AutoModelForSequenceClassification
MASKED, TEXTS, IMAGES = t.AutoModelForMaskedLM, t.AutoModelForSeq2SeqLM, t.AutoModelForImageTextToText


def made(kind, config, dtype="bf16", shards=1, free="int8", **keys):
    return {"kind": kind, "config": config, "dtype": dtype, "shards": shards, "free": free, "edit": keys}


def llama(**more):
    return t.LlamaConfig(**dict(KV, **more))


SHAPES = {
    "llama, tied": lambda: made(CAUSAL, llama(tie_word_embeddings=True)),
    "llama, untied, 3 shards": lambda: made(CAUSAL, llama(), shards=3),
    "llama": lambda: made(CAUSAL, llama(), "f16"),
    "llama, tied and F32": lambda: made(CAUSAL, llama(tie_word_embeddings=True), "f32"),
    "llama without head, tied": lambda: made(BASE, llama(tie_word_embeddings=True)),
    "llama, classifier": lambda: made(CLASS, llama(num_labels=3)),
    "llama, unknown rope": lambda: made(CAUSAL, llama(), rope_parameters={"rope_type": "spiral", "rope_theta": 1e4}),
    "llama, biases in attention": lambda: made(CAUSAL, llama(attention_bias=True)),
    "mistral, untied": lambda: made(CAUSAL, t.MistralConfig(**HEAD)),
    "mistral without head, untied": lambda: made(BASE, t.MistralConfig(**HEAD)),
    "qwen2, tied, 3 shards": lambda: made(CAUSAL, t.Qwen2Config(**KV, tie_word_embeddings=True), shards=3),
    "qwen3 without head, tied (embeddings)": lambda: made(BASE, t.Qwen3Config(**HEAD, tie_word_embeddings=True)),
    "qwen3, F16, untied": lambda: made(CAUSAL, t.Qwen3Config(**HEAD), "f16"),
    "qwen3_moe": lambda: made(CAUSAL, t.Qwen3MoeConfig(**HEAD, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=64), free="int4-g64"),
    "mixtral, 3 shards": lambda: made(CAUSAL, t.MixtralConfig(**HEAD, num_local_experts=4), shards=3, free="int4-g64"),
    "gemma": lambda: made(CAUSAL, t.GemmaConfig(**HEAD)),
    "gemma2": lambda: made(CAUSAL, t.Gemma2Config(**HEAD, sliding_window=64)),
    "gemma3_text": lambda: made(CAUSAL, t.Gemma3TextConfig(**HEAD, sliding_window=64), "f32"),
    "gemma3 (images)": lambda: made(IMAGES, t.Gemma3Config(text_config=t.Gemma3TextConfig(**HEAD).to_dict(), vision_config=VISION,
                                                          mm_tokens_per_image=4)),
    "phi3": lambda: made(CAUSAL, t.Phi3Config(**KV)),
    "olmo2": lambda: made(CAUSAL, t.Olmo2Config(**KV)),
    "granite, tied": lambda: made(CAUSAL, t.GraniteConfig(**KV, tie_word_embeddings=True)),
    "deepseek_v2": lambda: made(CAUSAL, t.DeepseekV2Config(**dict(LATENT, topk_method="greedy")), free="int4-g64"),
    "deepseek_v3": lambda: made(CAUSAL, t.DeepseekV3Config(**LATENT), free="int4-g64"),
    "gpt2": lambda: made(CAUSAL, t.GPT2Config(n_embd=64, n_layer=2, n_head=4, vocab_size=256, n_positions=128)),
    "opt": lambda: made(CAUSAL, t.OPTConfig(**dict(USUAL, ffn_dim=128, word_embed_proj_dim=64))),
    "opt without head": lambda: made(BASE, t.OPTConfig(**dict(USUAL, ffn_dim=128, word_embed_proj_dim=64)), "f16"),
    "llava (llama, images)": lambda: made(IMAGES, t.LlavaConfig(text_config=llama().to_dict(), vision_config=dict(
        VISION, model_type="clip_vision_model", projection_dim=32), image_token_index=255)),
    "qwen2_vl (images)": lambda: made(IMAGES, t.Qwen2VLConfig(text_config=dict(KV, tie_word_embeddings=True, rope_parameters={
        "rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]}), vision_config={
            "depth": 2, "embed_dim": 32, "hidden_size": 64, "num_heads": 2, "patch_size": 8})),
    "t5": lambda: made(TEXTS, t.T5Config(d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4, vocab_size=256)),
    "bert, masked": lambda: made(MASKED, t.BertConfig(**USUAL)),
    "roberta, classifier": lambda: made(CLASS, t.RobertaConfig(**dict(USUAL, num_labels=2))),
    "gpt_neox, untied": lambda: made(CAUSAL, t.GPTNeoXConfig(**USUAL)),
    "starcoder2, tied": lambda: made(CAUSAL, t.Starcoder2Config(**KV, tie_word_embeddings=True)),
}
HEADER = f"""# Checkpoints

What vq makes of the shapes in which models come: architecture, type, tied or own head, shards, names. Small random models, made by
transformers {t.__version__}; this page is the output of `bench/shapes.py`, which also checks that plan says no exactly where quantize does, and that
a no of eval is told by plan (warning `no-forward-pass`). The number behind "ok" is how far the outputs of the artifact, loaded by transformers with
compressed-tensors, are from those of the model (relative L2). docs/recipes.md tells what becomes of models that vq cannot run, and
docs/using-the-output.md which experts transformers loads.

| checkpoint | type | recipe without data | plan | quantize | `gptq-int4` | `eval ppl` | loads in transformers |
|---|---|---|---|---|---|---|---|"""
TYPES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


def write(shape, folder):
    torch.manual_seed(0)
    model = shape["kind"].from_config(shape["config"]).to(TYPES[shape["dtype"]]).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim > 1:
                p.normal_(0, 0.1)
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    model.save_pretrained(folder, max_shard_size=size if shape["shards"] == 1 else int(size / 2.4))
    config = os.path.join(folder, "config.json")
    if shape["edit"]:
        keys = json.load(open(config))
        keys.update(shape["edit"])
        json.dump(keys, open(config, "w"))
    IDS.to(torch.int32).numpy().tofile(os.path.join(folder, "ids"))
    return model


def vq(work, *args):
    p = subprocess.run([VQ, *args], cwd=work, capture_output=True, text=True, env=dict(os.environ, VQ_PROGRESS="none"))
    error = [line for line in p.stderr.splitlines() if "error: " in line]
    return p.returncode, error[-1].split("error: ", 1)[1] if error else "", p.stderr


def short(text):
    for words in "vq eval ppl cannot run this model: ", "calibration cannot run this model: ", "model: ":
        text = text.split(words, 1)[-1]
    text = text.split(" (recipes that need")[0].replace("|", "/")
    if " is none of " in text:
        text = text.split(" is none of ")[0] + " is not known"
    return "no: " + (text if len(text) < 100 else text[:97] + "...")


def outputs(model):
    ids = IDS[None, :48]
    more = {"decoder_input_ids": ids[:, :16]} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        out = model(input_ids=ids, **more)
    return (out.logits if hasattr(out, "logits") else out.last_hidden_state).float()


def load(shape, model, out):
    """What transformers makes of the artifact, beside the model itself."""
    try:
        got, info = shape["kind"].from_pretrained(out, output_loading_info=True)
        missing = sorted(info["missing_keys"]) + sorted(info["mismatched_keys"])
        if missing:
            return f"no: {missing[0]} is missing", False
        want, have = outputs(model), outputs(got.eval())
        error = ((want - have).norm() / want.norm()).item()
        return (f"ok ({error:.3f})", True) if error < 0.5 else (f"no: outputs differ by {error:.2f}", False)
    except Exception as e:  # any of them is a no
        return short(str(e).splitlines()[0] if str(e) else type(e).__name__), False


def row(name, shape, work, wrong):
    folder = os.path.join(work, "model")
    model = write(shape, folder)
    tokens = os.path.join("model", "ids")
    ways = {"free": ["model", "-r", shape["free"]],
            "calibrated": ["model", "-r", "gptq-int4", "--tokens", tokens, "--set", "calib.samples=4", "--set", "calib.seqlen=64"]}
    cells, told = [], ""
    for kind, args in ways.items():
        plan, said, warned = vq(work, "plan", *args)
        code, error, _ = vq(work, "quantize", *args, "-o", kind, "-q")
        if plan != code or said != error:
            wrong.append(f"{name}: plan ends with {plan} ({said}), quantize with {code} ({error})")
        if kind == "free":
            cells, told = ["yes" if plan == 0 else short(said)], said + warned
        cells.append("ok" if code == 0 else short(error))
    code, error, _ = vq(work, "eval", "ppl", "model", "--tokens", tokens, "--window", "64", "--max-windows", "4")
    cells.append("ok" if code == 0 else short(error))
    if code and "no-forward-pass" not in told:
        wrong.append(f"{name}: plan does not tell that eval refuses: {error}")
    text, fine = load(shape, model, os.path.join(work, "free")) if os.path.exists(os.path.join(work, "free")) else ("-", True)
    if not fine and not shape["edit"]:
        wrong.append(f"{name}: transformers: {text}")
    return cells + [text]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--keep")
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    wrong = []
    names = [n for n in SHAPES if not args.names or any(a in n for a in args.names)]
    print(HEADER, flush=True)
    for i, name in enumerate(names):
        work = os.path.join(args.keep, str(i)) if args.keep else tempfile.mkdtemp()
        os.makedirs(work, exist_ok=True)
        shape = SHAPES[name]()
        cells = row(name, shape, work, wrong)
        print("| " + " | ".join([name, shape["dtype"].upper(), f"`{shape['free']}`", *cells]) + " |", flush=True)
        if not args.keep:
            shutil.rmtree(work)
    for line in wrong:
        print("WRONG " + line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
