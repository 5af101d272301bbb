#!/usr/bin/env python3
"""walk.py VQ SOURCE SHIM WORK [--every K | --some N] [--only COMMAND] [--kind KIND]: whole commands whose n-th call of a kind
fails (fail_nth.c), for n to the last one, or each K-th. After each: a documented exit code, a JSON result that says
the same, nothing left but what a run can go on from, an old artifact that stands, and bytes as without a failure."""
import argparse, errno, filecmp, json, os, shutil, subprocess, sys

DONE, LIMIT, IO = 0, 4, 5
# kind, error, all later ones fail too; exit codes that are right
KINDS = [("malloc", errno.ENOMEM, "", {LIMIT}), ("malloc", errno.ENOMEM, ":on", {LIMIT}),
         ("open", errno.EMFILE, "", {LIMIT, IO}), ("open", errno.EIO, "", {IO}),
         ("pwrite", errno.ENOSPC, "", {LIMIT}), ("pwrite", errno.EIO, ":on", {IO}), ("pwrite", errno.EINTR, "", set()),
         ("short", 0, "", set()), ("pread", errno.EIO, "", {IO}), ("fsync", errno.EIO, "", {IO}),
         ("ftruncate", errno.EIO, "", {IO}), ("fallocate", errno.ENOSPC, "", {LIMIT}), ("fallocate", errno.EOPNOTSUPP, "", set()),
         ("rename", errno.EIO, "", {IO}), ("renameat2", errno.EINVAL, "", set()), ("renameat2", errno.EIO, "", {IO}),
         ("unlink", errno.EACCES, "", {IO}), ("mkdir", errno.ENOSPC, "", {LIMIT}), ("fstat", errno.EIO, "", {IO}),
         ("mmap", errno.ENOMEM, "", {LIMIT, IO}), ("pthread_create", errno.EAGAIN, "", {LIMIT}), ("pthread_create", errno.EAGAIN, ":on", {LIMIT})]
KINDS += [(kind, 0, ":kill", {-9}) for kind in ("open", "pwrite", "fsync", "fallocate", "rename", "renameat2", "unlink", "mkdir")]
MEASURED = ("seconds", "prompt_seconds", "tokens_per_second", "phases", "peak_bytes", "warnings", "memory_free", "disk_free", "threads")
CALIBRATED = ["-r", "nvfp4-arc", "--set", "calib.samples=2", "--set", "calib.seqlen=32"]


def commands(tiny):
    return {"plan": ["plan", tiny, "-r", "nvfp4-arc"],
            "inspect": ["inspect", "made"],
            "verify": ["verify", "made", "--against", tiny],
            "eval": ["eval", "ppl", "made", "--ref", tiny, "--data", tiny + "/test.txt", "--window", "64", "--max-windows", "1"],
            "quantize": ["quantize", tiny, "-r", "nvfp4a16", "-o", "out"],
            "force": ["quantize", tiny, "-r", "mxfp4", "-o", "old", "--force"],
            "calibrated": ["quantize", tiny, *CALIBRATED, "-o", "out"],
            "calibrate": ["calibrate", tiny, *CALIBRATED, "-o", "out.vqs"],
            "merge": ["calibrate", "--merge", "a.vqs", "b.vqs", "-o", "out.vqs"],
            "generate": ["generate", "made", "-p", "The", "-n", "2"],
            "diff": ["diff", "made", tiny],
            "tokenize": ["tokenize", tiny, "--data", tiny + "/valid.txt", "-o", "out.i32"],
            "doctor": ["doctor"]}


def same_tree(a, b):
    names = [sorted(os.path.relpath(os.path.join(d, f), root) for d, _, files in os.walk(root) for f in files) for root in (a, b)]
    return names[0] == names[1] and all(filecmp.cmp(os.path.join(a, n), os.path.join(b, n), shallow=False) for n in names[0])


def same(a, b):
    return same_tree(a, b) if os.path.isdir(a) else os.path.isfile(b) and filecmp.cmp(a, b, shallow=False)


def stable(value):
    if isinstance(value, dict):
        return {k: stable(v) for k, v in value.items() if k not in MEASURED}
    return [stable(v) for v in value] if isinstance(value, list) else value


class walk:
    def __init__(self, o):
        self.o, self.bad, self.runs, self.place = o, 0, 0, 0.5
        self.tiny = os.path.join(o.source, "examples/models/tiny-llama")
        self.env = dict(os.environ, OMP_WAIT_POLICY="passive", OPENBLAS_NUM_THREADS="1", OMP_STACKSIZE="4M", LC_ALL="C")  # no second start of vq
        os.makedirs(o.work)
        os.chdir(o.work)
        self.made = os.path.join(o.work, "ready")
        os.makedirs(self.made)
        for args in (["quantize", self.tiny, "-r", "nvfp4a16", "-o", "made"], ["quantize", self.tiny, "-r", "nvfp4a16", "-o", "old"],
                     ["calibrate", self.tiny, *CALIBRATED, "-o", "a.vqs"],
                     ["calibrate", self.tiny, *CALIBRATED, "--data", self.tiny + "/valid.txt", "-o", "b.vqs"]):
            subprocess.run([o.vq, *args, "-q"], cwd=self.made, check=True, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.inputs = set(os.listdir(self.made))

    def fresh(self):
        shutil.rmtree("try", ignore_errors=True)
        os.mkdir("try")
        for name in self.inputs - {"old"}:
            os.symlink(os.path.join(self.made, name), os.path.join("try", name))
        shutil.copytree(os.path.join(self.made, "old"), "try/old")

    def run(self, args, wish, threads):
        env = dict(self.env, VQ_FAULT=wish, VQ_FAULT_COUNT=self.o.work + "/count", LD_PRELOAD=self.o.shim)
        try:
            p = subprocess.run([self.o.vq, *args, "--json", *([] if args[0] == "tokenize" else ["--threads", str(threads)])], cwd="try", env=env, capture_output=True, timeout=60)
        except subprocess.TimeoutExpired as late:
            return 124, b"", late.stderr or b""
        return p.returncode, p.stdout, p.stderr

    def finding(self, name, wish, text, err):
        self.bad += 1
        print(f"FAIL {name} {wish}: {text}\n  {err.decode(errors='replace')[-400:].strip()}", flush=True)

    def check(self, name, args, wish, codes, threads, want):
        self.fresh()
        code, out, err = self.run(args, wish, threads)
        self.runs += 1
        say = lambda text: self.finding(name, wish, text, err)
        if code not in codes | {want["exit"]}:
            return say(f"exit {code}")
        if code == -9:
            return self.look(name, args, code, True, say)
        try:
            o = json.loads(out)
        except ValueError:
            return say(f"exit {code}, no JSON on stdout: {out[:80]!r}")
        if o["exit"] != code or o["ok"] != (code == 0):
            say("the JSON result says another code")
        if code != want["exit"] and (not o.get("error") or err.count(b"vq: error: ") != 1):
            say("not one error line")
        if code == want["exit"] and name != "plan" and stable(o) != stable(want):  # a plan's times are measured
            say("another result")
        # without any memory no folder can be listed: the next run empties it, which `look` asks for
        excused = any(w["code"] == "run-folder-left" for w in o.get("warnings", [])) or code and wish.startswith("malloc") and wish.endswith(":on")
        self.look(name, args, code, excused, say)

    def look(self, name, args, code, excused, say):
        output = args[args.index("-o") + 1] if "-o" in args else None
        path = output and os.path.join("try", output)
        if path and os.path.exists(path):
            if same(path, self.reference[name]):
                pass
            elif not (name == "force" and code and same(path, os.path.join(self.made, "old"))):
                say("an output that is not whole")
        elif path and (code == 0 or name == "force"):
            say("no output")
        left = set(os.listdir("try")) - self.inputs - {output}
        if f"{output}.run" in left:
            left.discard(f"{output}.run")
            inside = set(os.listdir(path + ".run"))
            if not excused and not (code and (inside <= {"vq.lock"} or "state.json" in inside)):
                say(f"left in the run folder: {sorted(inside)}")
        if left:
            say(f"left behind: {sorted(left)}")
        if output and code:
            again = subprocess.run([self.o.vq, *args, *(["--resume"] if output and os.path.exists(path + ".run/state.json") and "--force" not in args else []), "-q"],
                                   cwd="try", env=self.env, capture_output=True)
            whole = os.path.exists(path) and same(path, self.reference[name])
            if not whole or again.returncode not in (0, 2):
                say(f"the next run: exit {again.returncode}, {again.stderr.decode(errors='replace')[-200:]}")

    def steps(self, total):
        if self.o.some and total:
            self.place = (self.place + 0.618) % 1
            return sorted({1 + int((self.place + i / self.o.some) % 1 * total) for i in range(self.o.some)})
        k = self.o.every
        return sorted(({1, 2, total} if total else set()) | set(range(1 + total % k, total + 1, k)))

    def all(self):
        self.reference = {}
        for at, (name, args) in enumerate(commands(self.tiny).items()):
            if self.o.only and name not in self.o.only:
                continue
            for row, (kind, number, on, codes) in enumerate(KINDS):
                if self.o.kind and kind not in self.o.kind or self.o.some and (row + at) % 4:
                    continue
                threads = 3 if kind == "pthread_create" else 1
                self.fresh()
                code, out, err = self.run(args, f"{kind}:0:0", threads)
                usual = 1 if name == "diff" else DONE
                total = int(open("count").read()) if code == usual else 0
                if code != usual:
                    self.finding(name, kind, f"exit {code} without a failure", err)
                    continue
                if "-o" in args and name not in self.reference:
                    output = args[args.index("-o") + 1]
                    self.reference[name] = os.path.join(self.o.work, "reference-" + name)
                    shutil.move(os.path.join("try", output), self.reference[name])
                before = self.bad, self.runs
                for n in self.steps(total):
                    self.check(name, args, f"{kind}:{n}:{number}{on}", codes, threads, json.loads(out))
                if total:
                    print(f"{name:11} {kind:14} {errno.errorcode.get(number, '-'):10} {on:4} calls {total:6} tried {self.runs - before[1]:6} wrong {self.bad - before[0]}", flush=True)
        print(f"{self.runs} runs, {self.bad} wrong")
        return 1 if self.bad else 0


p = argparse.ArgumentParser()
for one in ("vq", "source", "shim", "work"):
    p.add_argument(one, type=os.path.abspath)
p.add_argument("--every", type=int, default=1, help="of the calls that fail: each K-th")
p.add_argument("--some", type=int, help="of every fourth row of the table only, other ones for each command: so many")
p.add_argument("--only", nargs="*")
p.add_argument("--kind", nargs="*")
sys.exit(walk(p.parse_args()).all())
