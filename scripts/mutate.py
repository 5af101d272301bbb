#!/usr/bin/env python3
"""mutate.py VQ COUNT [SEED] -- small sound inputs, changed in their structure, through the command line of vq.

VQ should be built with the address sanitizer (cmake --preset asan); tests/serve_commands beside it runs the commands. Each round changes one file of a model, an artifact, a recipe, data or
statistics and runs a command on it. Wrong are: an exit code that docs/cli.md does not name, a line of a sanitizer, more than 5 seconds of the processor (or a minute of the clock), files left
beside an output that was not made, and an artifact that quantize made and verify refuses. Rounds are seeded; a finding is printed, its inputs
kept in a folder. Ctrl-C or TERM ends it and says the figures. Standard library only.
"""
import copy, json, os, random, re, shutil, signal, struct, subprocess, sys, tempfile, time

HIDDEN, FFN, VOCAB, SECONDS, PATIENCE = 32, 64, 272, 5, 60


def gpt2_bytes():
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(other)) for b in range(256)]


def tokenizer():
    vocab = {c: i for i, c in enumerate(gpt2_bytes())}
    vocab.update({"th": 256, "the": 257})
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [{"id": 258 + i, "content": c, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                              "special": True} for i, c in enumerate(("<s>", "</s>"))],
            "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}| ?\\p{L}+|\\s+"}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]},
            "post_processor": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
            "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": [["t", "h"], ["th", "e"]]}}


def safetensors(tensors):
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    return header, data


def join(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def split(raw):
    n = struct.unpack("<Q", raw[:8])[0]
    return json.loads(raw[8:8 + n]), raw[8 + n:]


def bf16(rng, *shape):
    count = 1
    for d in shape:
        count *= d
    return "BF16", list(shape), b"".join(struct.pack("<f", rng.gauss(0, 0.2))[2:] for _ in range(count))


def model():
    rng = random.Random(1)
    names = {"model.embed_tokens": (VOCAB, HIDDEN), "model.norm": (HIDDEN,)}
    layer = "model.layers.0."
    names.update({layer + "self_attn." + n: s for n, s in (("q_proj", (32, 32)), ("k_proj", (16, 32)), ("v_proj", (16, 32)), ("o_proj", (32, 32)))})
    names.update({layer + "mlp." + n: s for n, s in (("gate_proj", (FFN, HIDDEN)), ("up_proj", (FFN, HIDDEN)), ("down_proj", (HIDDEN, FFN)))})
    names.update({layer + n: (HIDDEN,) for n in ("input_layernorm", "post_attention_layernorm")})
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": FFN, "num_hidden_layers": 1,
              "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": VOCAB, "max_position_embeddings": 128, "rms_norm_eps": 1e-5,
              "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": True, "torch_dtype": "bfloat16", "bos_token_id": 258,
              "eos_token_id": 259, "rope_scaling": None, "attention_bias": False}
    template = ("{% for m in messages %}{{ '<s>' + m['role'] + '\\n' + m['content'] | trim }}{% if not loop.last %}{{ '\\n' }}{% endif %}"
                "{% endfor %}{% if add_generation_prompt %}{{ '<s>assistant' }}{% endif %}")
    return {"config.json": json.dumps(config).encode(), "tokenizer.json": json.dumps(tokenizer()).encode(),
            "generation_config.json": b'{"bos_token_id": 258, "eos_token_id": [259]}',
            "tokenizer_config.json": json.dumps({"bos_token": "<s>", "eos_token": "</s>", "chat_template": template}).encode(),
            "model.safetensors": join(*safetensors({n + ".weight": bf16(rng, *s) for n, s in names.items()}))}


def sharded(files):
    header, data = split(files["model.safetensors"])
    out = {k: v for k, v in files.items() if k != "model.safetensors"}
    where = {}
    for i in range(2):
        part = {n: (t["dtype"], t["shape"], data[slice(*t["data_offsets"])]) for n, t in list(header.items())[i::2]}
        name = f"model-0000{i + 1}-of-00002.safetensors"
        out[name] = join(*safetensors(part))
        where.update({n: name for n in part})
    out["model.safetensors.index.json"] = json.dumps({"metadata": {"total_size": len(data)}, "weight_map": where}).encode()
    return out


RECIPES = {
    "plain": 'vq: 1\nname: plain\nrules:\n  - {match: {name: ["*"]}, use: nvfp4a16}\n  - {match: {role: [embed, lm_head, norm]}, use: keep}\n'
             'passes:\n  - {do: round, method: rtn}\noutput: {format: compressed-tensors}\n',
    "own": 'vq: 1\nname: own\nschemes:\n  a: {weight: {grid: i4, group: "block:16", scale: f16, zero: int}, act: {grid: e4m3, group: token, '
           'scale: f32, when: dynamic}}\nrules:\n  - {match: {name: ["*"]}, use: a}\n  - {match: {role: ["mlp.*"], layers: "0"}, use: mxfp4a16}\n'
           '  - {match: {role: [embed, lm_head, norm]}, use: keep}\npasses:\n  - {do: hadamard, block: 32}\n  - {do: round, method: mse}\n'
           'output: {format: vq, shard: 4KiB}\n',
    "data": 'vq: 1\nname: data\ncalib: {data: required, samples: 2, seqlen: 16, seed: 0}\nrules:\n  - {match: {name: ["*"]}, use: nvfp4}\n'
            '  - {match: {role: [embed, lm_head, norm]}, use: keep}\npasses:\n  - {do: arc, count: all, max_fraction: 0.25}\n'
            '  - {do: round, method: gptq, curvature: input}\noutput: {format: vq}\n',
}
TEXT = ("the quick 123 brown fox\n" * 12).encode()
LINES = b"".join(json.dumps(x).encode() + b"\n" for x in [{"text": "the quick brown fox jumps over it"}, {"messages": [
    {"role": "user", "content": "the " * 9}, {"role": "assistant", "content": "yes " * 9}]}] * 3)

ODD = [None, True, False, 0, -1, 1, 2, 3, 7, 15, 16, 17, 31, 64, 255, 4096, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, -2**63, 10**30, 0.5,
       -0.0, 1e-320, 1e38, 1e308, 1e999, float("nan"), "", "x", "0", "../x", "/etc/passwd", "a" * 300, "é", "\u0000", "\ud800", "\n", "bfloat16",
       "float16", "I8", "F64", "F8_E4M3", "BF16", "U8", "[", [], {}, [[]], [0], [-1], [None], {"type": "llama3"}, {"rope_type": "yarn", "factor": 4.0},
       {"type": "Sequence"}, [2**40, 2**40], [1, 0], [1] * 70, {"": {}}, "re:(a*)*b", "(?:a|a)*b", "\\p{L}+(", "gelu", "qwen2", "mixtral", "gpt2", "opt"]


class Double:
    """An object with a key twice."""

    def __init__(self, items):
        self.items = items


def dump(x):
    if isinstance(x, Double):
        return "{" + ", ".join(json.dumps(k) + ": " + dump(v) for k, v in x.items) + "}"
    if isinstance(x, dict):
        return "{" + ", ".join(json.dumps(k) + ": " + dump(v) for k, v in x.items()) + "}"
    if isinstance(x, list):
        return "[" + ", ".join(map(dump, x)) + "]"
    return json.dumps(x)


def places(x, rng, at=()):
    """The way to every value; of large tables only a few."""
    yield at
    for k, v in x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ():
        if len(x) < 40 or rng.random() < 8 / len(x):
            yield from places(v, rng, at + (k,))


def change(tree, rng):
    """One change somewhere in a tree of JSON."""
    odd = lambda: copy.deepcopy(rng.choice(ODD))
    spots = [p for p in places(tree, rng) if p]
    if not spots:
        return odd()
    at = rng.choice(spots)
    parent = tree
    for k in at[:-1]:
        parent = parent[k]
    key, value = at[-1], parent[at[-1]]
    what = rng.randrange(9)
    if what == 0:
        del parent[key]
    elif what == 1 and isinstance(parent, dict):
        parent[rng.choice(["", "x", key + "x", key[:-1], key.upper(), "__metadata__", key + ".weight", "../" + key, "\u0000"])] = parent.pop(key)
    elif what == 2 and isinstance(value, (int, float)) and not isinstance(value, bool):
        parent[key] = rng.choice([value + 1, value - 1, -value, value * 2, value * 1000, 0, str(value), value + 0.5, [value]])
    elif what == 3 and isinstance(value, list):
        value.insert(rng.randrange(len(value) + 1), rng.choice([copy.deepcopy(rng.choice(value)) if value else 0, odd()]))
    elif what == 4 and isinstance(value, str):
        cut = rng.randrange(len(value) + 1)
        parent[key] = rng.choice([value[:cut], value + value, value[:cut] + rng.choice("(){}[]*+?.|\\%'\"\n\0") + value[cut:], value.upper()])
    elif what == 5 and isinstance(parent, dict) and at[:-1]:
        above = tree
        for k in at[:-2]:
            above = above[k]
        above[at[-2]] = Double([*parent.items(), (key, odd())])
    elif what == 6:
        other = tree
        for k in rng.choice(spots):
            other = other[k]
        parent[key] = copy.deepcopy(other)
    else:
        parent[key] = odd()
    return tree


def change_json(raw, rng):
    tree = json.loads(raw)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        tree = change(tree, rng)
        if not isinstance(tree, (dict, list)):
            break
    try:
        text = dump(tree).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, as text
        text = dump(tree).encode(errors="surrogatepass")
    return rng.choice([text] * 12 + [text[:rng.randrange(len(text) + 1)], text + b"x", b"\xef\xbb\xbf" + text])


def change_bytes(raw, rng):
    b = bytearray(raw)
    for _ in range(rng.choice([1, 2, 8])):
        what, at = rng.randrange(5), rng.randrange(len(b) + 1)
        if what == 0 and b:
            b[at % len(b)] ^= 1 << rng.randrange(8)
        elif what == 1:
            del b[at:at + rng.randrange(20)]
        elif what == 2:
            b[at:at] = rng.choice([b"\0", b"\xff" * 4, b"\n", b"{{", b"%}", b": ", b"- ", b'"', b"[" * 50, b"\xc3\xa9", b"1e999", b"&a *a"])
        elif what == 3:
            del b[at:]
        else:
            b[at:at] = b[at:at + rng.randrange(60)]
    return bytes(b)


def change_safetensors(raw, rng):
    header, data = split(raw)
    what = rng.randrange(8)
    if what == 0:
        return raw[:rng.randrange(len(raw) + 1)]
    if what == 1:
        return struct.pack("<Q", rng.choice([0, 1, 2**63, 2**64 - 1, len(raw), rng.randrange(2000)])) + raw[8:]
    if what == 2:  # numbers that are none, or very large
        b = bytearray(data)
        for _ in range(rng.choice([1, 2, 16])):
            at = rng.randrange(max(1, len(b) // 2)) * 2
            b[at:at + 2] = rng.choice([b"\x80\x7f", b"\xc0\x7f", b"\x7f\x7f", b"\x00\x00", b"\x01\x00", b"\xff\xff"])
        return join(header, bytes(b))
    if what == 3:
        return join(change_bytes(json.dumps(header).encode(), rng), data)
    return join(change_json(json.dumps(header).encode(), rng), data)


def change_recipe(raw, rng):
    text = raw.decode()
    if rng.random() < 0.3:
        return change_bytes(raw, rng)
    words = ["i2", "i8", "u3", "e2m1", "e3m2", "e4m3", "e5m2", "bfp4", "iq4nl", "nf4", "mxint8", "tensor", "channel", "token", '"block:16"', '"block:7"', '"block:2x16"',
             '"block:0"', "f32", "f16", "bf16", "e8m0", "ue5m3", "int", "none", "static", "narrow", "four-thirds", "ceil", "modelopt", "rtn", "mse", "gptq",
             "learned", "awq", "smooth", "arc", "order", "ksort", "rotate", "hadamard", "tune", "keep", "nvfp4", "mxfp4", "mxfp8", "int8", "fp8", "fp8-block", "int4-g64",
             "int4-g16-asym", "bfp12-16", "nvfp4a16", "0", "-1", "99999999999999999999", "1e9", "nan", "kronecker", "search", "vq", "compressed-tensors", "vllm", '"re:.*"',
             '"re:(a*)*b"', '"re:["', "[]", "{}", "'", "self", "jsonl", "tokens", "quantized", "random", "true", "lm_head", "attn.q", '"*q_proj"', "optional"]
    parts = re.split(r'([A-Za-z0-9_.*:"-]+)', text)
    for _ in range(rng.choice([1, 1, 2, 3])):
        at = rng.randrange(len(parts) // 2) * 2 + 1
        parts[at] = rng.choice([rng.choice(words)] * 6 + ["", parts[rng.randrange(len(parts) // 2) * 2 + 1]])
    return "".join(parts).encode()


HOW = {".json": change_json, ".safetensors": change_safetensors, ".vqs": change_safetensors, ".yaml": change_recipe}


class Runner:
    def __init__(self, vq):
        self.root, self.worst, self.codes = tempfile.mkdtemp(prefix="vq-mutate-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None), 0.0, {}
        self.errors = self.root + ".err"
        env = {"ASAN_OPTIONS": "allocator_may_return_null=1:detect_leaks=1", **os.environ, "OMP_WAIT_POLICY": "passive", "OPENBLAS_NUM_THREADS": "1",
               "OMP_STACKSIZE": "4M", "VQ_THREADS": "2", "VQ_PROGRESS": "none"}  # vq need not start anew to set the first three
        self.server = subprocess.Popen([os.path.join(os.path.dirname(os.path.abspath(vq)), "tests", "serve_commands"), self.errors, str(PATIENCE)],
                                       cwd=self.root, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def run(self, *args):
        """(exit code, what it said, seconds of the processor) of one command in the root; -14: it did not end."""
        self.server.stdin.write("\t".join(args) + "\n")
        code, seconds = self.server.stdout.readline().split()
        with open(self.errors, errors="replace") as f:
            return int(code), f.read(), float(seconds)

    def close(self):
        self.server.stdin.close()
        self.server.wait()
        shutil.rmtree(self.root)
        os.remove(self.errors)

    def put(self, folder, files):
        shutil.rmtree(os.path.join(self.root, folder), ignore_errors=True)
        os.makedirs(os.path.join(self.root, folder))
        for name, raw in files.items():
            with open(os.path.join(self.root, folder, name), "wb") as f:
                f.write(raw)

    def take(self, folder):
        where = os.path.join(self.root, folder)
        return {n: open(os.path.join(where, n), "rb").read() for n in sorted(os.listdir(where)) if os.path.isfile(os.path.join(where, n))}


def prepare(r):
    """Sound inputs, by name: folders of files."""
    worlds = {"model": model()}
    worlds["shards"] = sharded(worlds["model"])
    worlds["loose"] = {**{f"{n}.yaml": t.encode() for n, t in RECIPES.items()}, "data.txt": TEXT, "data.jsonl": LINES,
                       "data.i32": struct.pack("<64i", *([258] + [i * 7 % 250 for i in range(63)]))}
    for name, files in worlds.items():
        r.put(name, files)
    for recipe, out in (("plain", "plain"), ("own", "own"), ("data", "data")):
        code, err, _ = r.run("quantize", "model", "-r", f"loose/{recipe}.yaml", "--data", "loose/data.txt", "-o", out) if recipe == "data" else \
            r.run("quantize", "model", "-r", f"loose/{recipe}.yaml", "-o", out)
        assert code == 0, err
        worlds[out] = r.take(out)
    code, err, _ = r.run("calibrate", "model", "-r", "loose/data.yaml", "--data", "loose/data.txt", "-o", "s.vqs")
    assert code == 0, err
    os.makedirs(os.path.join(r.root, "stats"))
    os.rename(os.path.join(r.root, "s.vqs"), os.path.join(r.root, "stats", "s.vqs"))
    worlds["stats"] = r.take("stats")
    return worlds


def command(world, name, rng):
    data = ["--data", "loose/data.txt"]
    evaluate = ["eval", "ppl", world, *data, "--window", "16", "--max-windows", "1"]
    quantize = ["quantize", world, "-r", "loose/plain.yaml", "-o", "out"]
    calibrated = ["quantize", world, "-r", "loose/data.yaml", *data, "-o", "out"]
    talk = ["generate", world, "--chat", "the fox", "-n", "3"]
    if world in ("model", "shards"):
        if name.startswith("tokenizer"):
            return rng.choice([evaluate, talk, calibrated, ["quantize", world, "-r", "loose/data.yaml", "--data", "loose/data.jsonl", "-o", "out"]])
        return rng.choice([["plan", world, "-r", "loose/plain.yaml"], ["plan", world, "-r", "loose/data.yaml"], ["inspect", world], quantize, quantize,
                           ["quantize", world, "-r", "loose/own.yaml", "-o", "out"], calibrated, evaluate,
                           ["calibrate", world, "-r", "loose/data.yaml", *data, "-o", "out.vqs"]])
    if world in ("plain", "own", "data"):
        return rng.choice([["verify", world], ["verify", world, "--against", "model"], ["inspect", world], evaluate, [*evaluate, "--ref", "model"], talk, quantize])
    if world == "stats":
        return rng.choice([["inspect", "stats/s.vqs"], ["quantize", "model", "-r", "loose/data.yaml", "--stats", "stats/s.vqs", "-o", "out"],
                           ["calibrate", "--merge", "stats/s.vqs", "stats/s.vqs", "-o", "out.vqs"]])
    if name.endswith(".yaml"):
        return rng.choice([["recipe", "check", f"loose/{name}"], ["plan", "model", "-r", f"loose/{name}"],
                           ["quantize", "model", "-r", f"loose/{name}", *data, "-o", "out"] if name == "data.yaml" else
                           ["quantize", "model", "-r", f"loose/{name}", "-o", "out"]])
    flag = "--tokens" if name.endswith(".i32") else "--data"
    return rng.choice([["eval", "ppl", "model", flag, f"loose/{name}", "--window", "16", "--max-windows", "1"],
                       ["quantize", "model", "-r", "loose/data.yaml", flag, f"loose/{name}", "-o", "out"]])


def wrong(r, args, sound):
    """What is wrong with a command's behaviour; None: nothing."""
    code, err, seconds = r.run(*args)
    r.codes[code] = r.codes.get(code, 0) + 1
    r.worst = max(r.worst, seconds)
    if code not in range(8):
        return f"exit code {code}: {err[-1500:]}"
    if "Sanitizer" in err or "runtime error:" in err:
        return err[-3000:]
    if seconds > SECONDS:
        return f"took {seconds:.1f} s"
    if code and err.count("vq: error: ") != 1 and not (code == 1 and args[0] in ("verify", "plan")):
        return f"exit code {code} without one line that says why: {err[-500:]!r}"
    left = sorted(set(os.listdir(r.root)) - sound)
    if code and left and not (left == ["out.run"] and "--resume" in err):
        return f"exit code {code}, and there is {left}: {err[-300:]}"
    if code == 0 and args[0] == "quantize":
        code, err, _ = r.run("verify", "out")
        if code:
            return f"quantize is content, verify is not ({code}): {err[-500:]}"
    return None


def sweep(root, sound):
    """Takes away what a command left beside the sound inputs."""
    for name in set(os.listdir(root)) - sound:
        path = os.path.join(root, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)


def one_round(r, i, rng, worlds, sound):
    """True: something was wrong."""
    world = rng.choice(["model"] * 6 + ["shards", "loose", "loose", "loose", "plain", "own", "data", "stats"])
    name = rng.choice(sorted(worlds[world]))
    path, before = os.path.join(r.root, world, name), worlds[world][name]
    args = command(world, name, rng)
    with open(path, "wb") as f:
        f.write(HOW.get(os.path.splitext(name)[1], change_bytes)(before, rng))
    what = wrong(r, args, sound)
    if what:
        kept = tempfile.mkdtemp(prefix="vq-finding-")
        shutil.copytree(r.root, kept, symlinks=True, dirs_exist_ok=True)
        print(f"round {i}: {world}/{name}: vq {' '.join(args)}\n  {what.strip()}\n  kept in {kept}", flush=True)
    sweep(r.root, sound)
    with open(path, "wb") as f:
        f.write(before)
    return bool(what)


def main():
    r, count = Runner(sys.argv[1]), int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    done, findings, begin = 0, 0, time.monotonic()
    said = lambda: (f"{done} mutations, {findings} findings, exits {dict(sorted(r.codes.items()))}, worst {r.worst:.2f} s of the processor, "
                    f"{time.monotonic() - begin:.0f} s")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        worlds = prepare(r)
        sound = set(os.listdir(r.root))
        while done < count:
            findings += one_round(r, done, random.Random(seed * 1000003 + done), worlds, sound)
            done += 1
            if done % 1000 == 0:
                print(said(), flush=True)
    except KeyboardInterrupt:
        pass
    r.close()
    print(said())
    sys.exit(1 if findings else 0)


main()
