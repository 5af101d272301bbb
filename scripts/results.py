#!/usr/bin/env python3
"""results.py [--check | --remake [RECIPE ...] | --old] -- docs/results.csv and the tables that are made from it.

Without an option it writes the tables of README.md and docs/results.md, between <!-- results: NAME --> and <!-- end -->, and the line "# measured"
of each recipe. --check fails where one differs or a row is malformed. --old lists the rows that are older than the code, with their commands;
--remake runs these commands (of the recipes that are named, else of all), models that are evaluated alike in one call, and puts in what they give. It
needs VQ (build/release/vq), SMOLLM2 (folder of SmolLM2-135M-Instruct) and DATA ($VQ_SHARED/data). Standard library only.

A row is one figure: recipe, model, data, windows, figure, value, error (standard error over windows; empty where there is none), command, and sources:
a digest over the recipe, its comments left out, and what decides its figures: the .c, .h and .inc files of the rooms in DECIDES, comments and white
space left out (of model/arch only llama.c, which both models are); those in CALIBRATED count only for recipes with calibration data. "before" stands for a figure from before there were digests; with an
empty value it is one that nobody has measured yet. A row whose
digest is not that of the sources is marked in the tables. A commit that touches only code does not fail --check for that: marks are left out there.
"""
import csv, hashlib, json, os, pathlib, re, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs/results.csv"
COLUMNS = ["recipe", "model", "data", "windows", "figure", "value", "error", "command", "sources"]
DECIDES, CALIBRATED = ["base/num", "kernels", "quant", "model", "run/eval"], ["calib", "train", "edit"]
FIGURES = {"perplexity", "delta_nll", "kl", "top1_agreement", "bits_per_weight", "file_bits", "folder_mib", "seconds"}
SMOL, TINY, OLD = "SmolLM2-135M-Instruct", "tiny-llama", " †"
AT_ONCE = 8  # models of one call of vq eval ppl: a remake that is stopped loses no more


def digest(recipe):
    text = "".join(line for line in (ROOT / f"recipes/{recipe}.yaml").read_text().splitlines(True) if not line.startswith("#"))
    rooms = DECIDES + (CALIBRATED if "data: self" in text else [])
    h = hashlib.sha256(text.encode())
    for path in sorted(p for room in rooms for p in (ROOT / "src" / room).rglob("*.*") if p.suffix in (".c", ".h", ".inc")):
        if path.parent.name == "arch" and path.stem != "llama":
            continue
        code = re.sub(r"/\*.*?\*/|//[^\n]*|\s+", "", path.read_text(), flags=re.S)
        h.update(f"{path.relative_to(ROOT)}\n{code}\n".encode())
    return h.hexdigest()[:16]


class Results:
    def __init__(self):
        with open(TABLE, newline="") as f:
            reader = csv.DictReader(f)
            self.columns, self.rows = reader.fieldnames, list(reader)
        self.current = {r: digest(r) for r in {row["recipe"] for row in self.rows} if (ROOT / f"recipes/{r}.yaml").exists()}

    def flaws(self):
        if self.columns != COLUMNS:
            return [f"columns are {self.columns}, not {COLUMNS}"]
        flaws, seen = [], set()
        for i, row in enumerate(self.rows, 2):
            key = tuple(row[c] for c in COLUMNS[:5])
            wrong = ("a column is missing" if None in row.values() or None in row else "no such recipe" if row["recipe"] not in (*self.current, "bf16")
                     else "no such figure" if row["figure"] not in FIGURES else "twice" if key in seen
                     else "windows is no number" if not re.fullmatch(r"\d*", row["windows"])
                     else "no value, and sources is not before" if not row["value"] and row["sources"] != "before"
                     else "value or error is no number" if not re.fullmatch(r"(-?\d+(\.\d+)?(e-?\d+)?)?", row["value"]) or
                     not re.fullmatch(r"(\d+(\.\d+)?(e-?\d+)?)?", row["error"])
                     else "sources is neither a digest nor before" if not re.fullmatch(r"[0-9a-f]{16}|before", row["sources"])
                     else "no command" if not row["command"] else None)
            seen.add(key)
            if wrong:
                flaws.append(f"docs/results.csv:{i}: {wrong}")
        return flaws

    def row(self, recipe, figure, model=SMOL, data="wikitext2-test", windows="8"):
        for row in self.rows:
            if (row["recipe"], row["figure"], row["model"]) == (recipe, figure, model) and (row["data"] in ("", data)) and row["windows"] in ("", windows):
                return row
        return None

    def is_old(self, row):
        return row["recipe"] in self.current and row["sources"] != self.current[row["recipe"]]

    def text(self, digits, *which, sign="", **where):
        """A figure as text, with its error; empty when there is none."""
        row = self.row(*which, **where)
        if not row or not row["value"]:
            return ""
        error = f" ± {float(row['error']):.{digits}f}" if row["error"] else ""
        return f"{float(row['value']):{sign}.{digits}f}{error}"

    def name(self, recipe, **where):
        """The recipe, marked where its perplexity or KL is older than the code."""
        rows = [self.row(recipe, figure, **where) for figure in ("perplexity", "kl")]
        return f"`{recipe}`{OLD if any(r and self.is_old(r) for r in rows) else ''}"

    def recipes(self, model, **where):
        return list(dict.fromkeys(r["recipe"] for r in self.rows if r["model"] == model and r["recipe"] in self.current and
                                  all(r[k] == v for k, v in where.items())))


# What a recipe stores, in words.
STORES = {"nvfp4a16": "NVFP4, –", "nvfp4": "NVFP4, NVFP4", "nvfp4-arc": "NVFP4 + residual channels, both", "mxfp4a16": "MXFP4, –", "mxfp4": "MXFP4, MXFP4",
          "mxfp8": "MXFP8, MXFP8", "fp8": "E4M3 per channel, per token", "int8": "INT8 per channel, per token", "int8-w8a16": "INT8 per channel, –",
          "int4-g64": "INT4 groups of 64, –", "gptq-int4": "INT4 g64 with zero points, –", "gptq-nvfp4": "NVFP4, NVFP4",
          "awq-int4": "INT4 g64 with zero points, –", "smoothquant-int8": "INT8 per channel, per token", "mr-gptq-mxfp4": "MXFP4, MXFP4, Hadamard blocks",
          "best-4bit": "IQ4_NL's values in blocks of 16 with signed E4M3 scales, –", "arc-gptq": "NVFP4 + residual channels, both",
          "best-w4a4": "NVFP4 + residual channels, both"}


def markdown(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines).replace("|  |", "| |").replace("|  |", "| |") + "\n"


def table_recipes(t):
    rows = [["(bf16)", "", "16", "16", "259", t.text(2, "bf16", "perplexity"), "", ""]]
    for r in t.recipes(SMOL, data="wikitext2-test", windows="8"):
        time = t.row(r, "seconds")
        rows.append([t.name(r), STORES[r], t.text(2, r, "bits_per_weight"), t.text(2, r, "file_bits"), t.text(0, r, "folder_mib"), t.text(2, r, "perplexity"),
                     t.text(3, r, "kl").split(" ±")[0], f"{float(time['value']):g}{OLD if t.is_old(time) else ''}" if time else ""])
    return markdown(["recipe", "weights, inputs", "bits, linears", "bits, whole file", "folder, MiB", "perplexity", "KL to bf16", "time, s"], rows)


def table_quality(t):
    rows = []
    for r in t.recipes(SMOL, data="wikitext2-test", windows="8"):
        top = t.row(r, "top1_agreement")
        rows.append([t.name(r), t.text(2, r, "bits_per_weight"), t.text(4, r, "perplexity"), t.text(4, r, "delta_nll", sign="+"), t.text(4, r, "kl"),
                     f"{100 * float(top['value']):.2f} %" if top and top["value"] else ""])
    return markdown(["recipe", "bits, linears", "perplexity", "loss over bf16", "KL to bf16", "same top token"], rows)


def table_kinds(t):
    kinds = [{"data": kind + "-test", "windows": "4"} for kind in ("code", "manual", "german")]
    rows = [[t.name(r), t.text(4, r, "kl"), *(t.text(4, r, "kl", **kind) for kind in kinds)]
            for r in t.recipes(SMOL, data="wikitext2-test", windows="8") if any(t.text(4, r, "kl", **kind) for kind in kinds)]
    return markdown(["recipe", "wikitext-2", "code", "manual", "German"], rows)


def table_windows64(t):
    where = {"windows": "64"}
    return markdown(["recipe", "perplexity", "loss over bf16", "KL to bf16"], [
        [t.name(r, **where), t.text(3, r, "perplexity", **where), t.text(4, r, "delta_nll", sign="+", **where), t.text(4, r, "kl", **where)]
        for r in t.recipes(SMOL, **where)])


def table_tiny(t):
    where = {"model": TINY, "data": "test", "windows": "78"}
    return markdown(["recipe", "bits, linears", "perplexity", "loss over bf16", "KL to bf16"], [
        [t.name(r, **where), t.text(2, r, "bits_per_weight", **where), t.text(4, r, "perplexity", **where), t.text(5, r, "delta_nll", sign="+", **where),
         t.text(5, r, "kl", **where)] for r in t.recipes(TINY)])


PEERS = [("NVFP4 RTN, weights only", "nvfp4a16", "21.93, +0.1988"), ("NVFP4 RTN, W4A4", "nvfp4", "26.60, +0.3919"), ("MXFP4 RTN, weights only", "mxfp4a16", "28.35, +0.4556"),
         ("MXFP4 RTN, W4A4", "mxfp4", "59.47, +1.1964"), ("INT4 g64 symmetric RTN", "int4-g64", "27.91, +0.4399"), ("INT8 W8A8 RTN", "int8", "18.45, +0.0260")]  # llm-compressor 0.14


def table_peers(t):
    return markdown(["scheme", "recipe", "vq: perplexity, loss over bf16", "llm-compressor 0.14: the same"], [
        [what, t.name(r), f"{t.text(2, r, 'perplexity')}, {t.text(4, r, 'delta_nll', sign='+').split(' ±')[0]}", peer] for what, r, peer in PEERS])


TABLES = {"peers": table_peers, "recipes": table_recipes, "quality": table_quality, "kinds": table_kinds, "64 windows": table_windows64, "tiny-llama": table_tiny}


def comment(t, recipe):
    """The line of a recipe that says what it was measured to give; None: nothing was."""
    parts = [f"{name} {text} (bf16 {base})" for name, text, base in (
        ("SmolLM2-135M", t.text(2, recipe, "perplexity"), t.text(2, "bf16", "perplexity")),
        ("tiny-llama", t.text(3, recipe, "perplexity", model=TINY, data="test", windows="78"), t.text(3, "bf16", "perplexity", model=TINY, data="test", windows="78")))
        if text]
    bits = t.text(2, recipe, "bits_per_weight")
    return f"# measured, docs/results.md: perplexity {', '.join(parts)}{f'; {bits} bits per weight of the linears' if bits else ''}\n" if parts else None


def generated(t):
    """{path: text} of every file that has tables or a line from here."""
    out = {}
    for name in ("README.md", "docs/results.md"):
        path = ROOT / name
        out[path] = re.sub(r"(<!-- results: ([^>]*?) -->\n).*?(<!-- end -->)", lambda m: m[1] + TABLES[m[2]](t) + m[3], path.read_text(), flags=re.S)
    for recipe in t.current:
        path, line = ROOT / f"recipes/{recipe}.yaml", comment(t, recipe)
        kept = [x for x in path.read_text().splitlines(True) if not x.startswith("# measured")]
        out[path] = "".join(kept) + (line or "")
    return out


def check(t):
    flaws = t.flaws()
    for path, text in generated(t).items() if not flaws else ():
        if path.read_text().replace(OLD, "") != text.replace(OLD, ""):
            flaws.append(f"{path.relative_to(ROOT)} is not what docs/results.csv says: run scripts/results.py")
    print("\n".join(flaws) if flaws else f"{len(t.rows)} rows are sound, {sum(map(t.is_old, t.rows))} older than the code (scripts/results.py --old)")
    return 1 if flaws else 0


def old_commands(t, recipes):
    return dict.fromkeys(r["command"] for r in t.rows if t.is_old(r) and r["figure"] != "seconds" and (not recipes or r["recipe"] in recipes))


def run(step, done={}):
    """The result of a step of a command; what several commands begin with is run once."""
    shared = os.environ.get("VQ_SHARED", "../shared")
    env = {"DATA": f"{shared}/data", "VQ": "build/release/vq", "OUT": f"{tempfile.gettempdir()}/vq-results", **os.environ}
    if step not in done:
        line = ["sh", "-c", re.sub(r"^vq ", '"$VQ" ', step) + " --json -q" + (" --force" if re.match("vq (quantize|calibrate)", step) else "")]
        os.makedirs(env["OUT"], exist_ok=True)
        done[step] = json.loads(subprocess.run(line, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout)["result"]
    return done[step]


def batches(commands):
    """[(options, {model: command})] of the commands that evaluate with the same options: a call of all these models runs their reference once."""
    found = {}
    for command in commands:
        model, options = re.search(r"vq eval ppl (\S+)(.*)", command).groups()
        of_options = found.setdefault(options, [{}])
        if len(of_options[-1]) == AT_ONCE or model in of_options[-1]:
            of_options.append({})
        of_options[-1][model] = command
    return [(options, batch) for options, of_options in found.items() for batch in of_options]


def weights_of(folder):
    """Numbers in a model's safetensors files."""
    count = 0
    for path in pathlib.Path(folder).glob("*.safetensors"):
        with open(path, "rb") as f:
            header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
        for name, tensor in header.items():
            n = 1
            for d in tensor.get("shape", []) if name != "__metadata__" else [0]:
                n *= d
            count += n
    return count


def figures(q, e, model):
    """Of the results of quantize and eval."""
    out = {f: (e[f], e.get(f + "_stderr")) for f in ("perplexity", "delta_nll", "kl", "top1_agreement") if e.get(f) is not None}
    stored = sum(f["bytes"] for f in q["files"] if f["name"].endswith(".safetensors"))
    folder = sum(f["bytes"] for f in q["files"] if not f["name"].endswith(".i32"))  # token ids that someone laid beside the model
    out.update(bits_per_weight=(q["bits_per_weight"], None), folder_mib=(folder / 2**20, None), file_bits=(8 * stored / weights_of(model), None))
    return out


def put(t, command, measured):
    """The figures of a command into the rows that it made, and into new ones beside them."""
    like = next(r for r in t.rows if r["command"] == command)
    at = max(i for i, r in enumerate(t.rows) if r["command"] == command) + 1
    for figure, (value, error) in measured.items():
        texts = {"value": f"{value:.6g}", "error": f"{error:.3g}" if error is not None else "", "sources": t.current.get(like["recipe"], "before")}
        row = next((r for r in t.rows if r["command"] == command and r["figure"] == figure), None)
        if not row:
            row = {**like, "figure": figure}
            t.rows.insert(at, row)
            at += 1
        row.update(texts)


def from_statistics(commands):
    """{step: step} for `run`: recipes that calibrate one model on the same samples share one statistics file, which gives the bytes of a file of their own."""
    sharing = {}
    for step in dict.fromkeys(step for command in commands for step in command.split(" && ")):
        found = re.fullmatch(r"vq quantize (\S+) -r (\S+) (--data \S+) -o \S+", step)
        if found:
            calib = re.search(r"^calib: .*", (ROOT / f"recipes/{found[2]}.yaml").read_text(), flags=re.M)[0]
            sharing.setdefault((found[1], found[3], calib), {})[step] = found[2]
    steps = {}
    for i, ((model, data, _), recipes) in enumerate(sharing.items()):
        if len(recipes) > 1:
            file = f"$OUT/statistics-{i}.vqs"
            calibrate = f"vq calibrate {model} -r {' -r '.join(recipes.values())} {data} -o {file}"
            steps.update({step: (calibrate, f"{step} --stats {file}") for step in recipes})
    return steps


def remake(t, recipes):
    commands = old_commands(t, recipes)
    shared = from_statistics(commands)
    for options, batch in batches(commands):
        print("\n".join(batch.values()), flush=True)
        made = [[run(s) for step in command.split(" && ")[:-1] for s in shared.get(step, (step,))] for command in batch.values()]
        result = run(f"vq eval ppl {' '.join(batch)}{options}")
        evaluated = [m["texts"][0] for m in result["models"]] if len(batch) > 1 else [result]
        for command, steps, e in zip(batch.values(), made, evaluated):
            model = re.search(r"vq quantize (\S+)", command)[1]
            put(t, command, figures(steps[-1], e, os.path.expandvars(model)))
        save(t)


def save(t):
    with open(TABLE, "w", newline="") as f:
        writer = csv.DictWriter(f, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(t.rows)


def main():
    t, args = Results(), sys.argv[1:]
    if args[:1] == ["--check"]:
        sys.exit(check(t))
    if args[:1] == ["--old"]:
        print("\n".join(old_commands(t, args[1:])))
        return
    if t.flaws():
        sys.exit(check(t))
    if args[:1] == ["--remake"]:
        remake(t, args[1:])
    elif args:
        sys.exit(__doc__)
    for path, text in generated(t).items():
        path.write_text(text)


if __name__ == "__main__":
    main()
