#!/usr/bin/env python3
"""pairs.py VQ SOURCE WORK [--pairs N]: two runs at once into one output, and runs that replace what others read. One
does its work, the other one does too or says whose turn it is, and every output has the bytes of one of them. Then a
stopped run of which somebody changed a byte."""
import argparse, filecmp, os, random, re, shutil, subprocess, sys, time

CALIBRATED = ["-r", "nvfp4-arc", "--set", "calib.samples=2", "--set", "calib.seqlen=32"]


def same(a, b):
    if not os.path.isdir(a):
        return os.path.isfile(b) and filecmp.cmp(a, b, shallow=False)
    names = [sorted(os.path.relpath(os.path.join(d, f), root) for d, _, files in os.walk(root) for f in files) for root in (a, b)]
    return names[0] == names[1] and all(filecmp.cmp(os.path.join(a, n), os.path.join(b, n), shallow=False) for n in names[0])


class pairs:
    def __init__(self, o):
        self.o, self.bad = o, 0
        self.env = dict(os.environ, OMP_WAIT_POLICY="passive", OPENBLAS_NUM_THREADS="1", OMP_STACKSIZE="4M", LC_ALL="C", VQ_THREADS="1")
        os.makedirs(o.work)
        os.chdir(o.work)
        tiny = os.path.join(o.source, "examples/models/tiny-llama")
        for name in "AB":
            shutil.copytree(tiny, name, copy_function=shutil.copyfile)
        with open("B/model.safetensors", "r+b") as f:  # another model: a low bit of each value of the end
            f.seek(-100000, os.SEEK_END)
            tail = f.read()
            f.seek(-100000, os.SEEK_END)
            f.write(bytes(b ^ (1 - i % 2) for i, b in enumerate(tail)))

    def start(self, *args):
        return subprocess.Popen([self.o.vq, *args, "-q"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def made(self, name, *args):
        began = time.monotonic()
        p = self.start(*args, "-o", name)
        if p.wait():
            sys.exit(f"{args}: {p.stderr.read().decode()}")
        self.took = time.monotonic() - began
        return name

    def both(self, first, second):
        """Exit codes and stderr of two runs that begin at nearly the same time."""
        a = self.start(*first)
        time.sleep(random.choice((0, random.uniform(0, self.took), self.took * random.uniform(0.8, 1.1))))
        b = self.start(*second)
        said = [p.communicate()[1].decode(errors="replace") for p in (a, b)]
        return [a.returncode, b.returncode], said

    def remove(self, *paths):
        for p in paths:
            shutil.rmtree(p, ignore_errors=True) if os.path.isdir(p) else os.path.exists(p) and os.remove(p)

    def race(self, what, first, second, output, want, before=None):
        """One of two wins: the other one names a process, or what exists."""
        bad, won = self.bad, [0, 0]
        for _ in range(self.o.pairs):
            self.remove(output, output + ".run")
            if before:
                before()
            codes, said = self.both(first, second)
            winner = codes.index(0) if 0 in codes else None
            wrong = (winner is None or codes[1 - winner] != 2 or not re.search(r"process \d+ is at work|exists already|no stopped run", said[1 - winner])
                     or not same(want[winner], output) or os.path.exists(output + ".run"))
            if wrong:
                self.bad += 1
                print(f"FAIL {what}: exit {codes}: {said}")
            else:
                won[winner] += 1
        print(f"{what}: {self.o.pairs} pairs, the first won {won[0]}, the second {won[1]}, wrong {self.bad - bad}", flush=True)

    def replaced(self, what, reader):
        """--force while another process reads: the reader is done (0), or says that its input changed (3, 5)."""
        bad, codes_seen = self.bad, {}
        for i in range(self.o.pairs):
            recipe = ("mxfp4", "nvfp4a16")[i % 2]
            codes, said = self.both(["quantize", "A", "-r", recipe, "-o", "old", "--force"], reader)
            codes_seen[codes[1]] = codes_seen.get(codes[1], 0) + 1
            if codes[0] or codes[1] not in (0, 3, 5) or not same(self.ready[recipe], "old"):
                self.bad += 1
                print(f"FAIL {what}: exit {codes}: {said}")
        print(f"{what}: {self.o.pairs} pairs, the reader's exit codes {codes_seen}, wrong {self.bad - bad}", flush=True)

    def stopped(self):
        """A run that was killed when a part was finished."""
        while True:
            p = self.start("quantize", "A", *CALIBRATED, "-o", "out")
            while p.poll() is None and not os.path.exists("out.run/state.json"):
                time.sleep(0.001)
            p.kill()
            p.communicate()
            if os.path.exists("out.run/state.json") and not os.path.exists("out"):
                return
            self.remove("out", "out.run")

    def flips(self, calibrated):
        """A changed byte in any file of a stopped run: --resume names the file (3), or makes anew what it held."""
        bad, tried = self.bad, 0
        self.stopped()
        shutil.copytree("out.run", "kept.run")
        files = [os.path.relpath(os.path.join(d, f), "kept.run") for d, _, names in os.walk("kept.run") for f in names if f != "vq.lock"]
        for name in sorted(files):
            size = os.path.getsize(os.path.join("kept.run", name))
            for at in sorted({int(size * (i + 0.5) / self.o.flips) for i in range(self.o.flips)} | {size - 1} if size else ()):
                self.remove("out", "out.run")
                shutil.copytree("kept.run", "out.run")
                with open(os.path.join("out.run", name), "r+b") as f:
                    f.seek(at)
                    byte = f.read(1)
                    f.seek(at)
                    f.write(bytes([byte[0] ^ 1]))
                p = self.start("quantize", "A", *CALIBRATED, "-o", "out", "--resume")
                said = p.communicate()[1].decode(errors="replace")
                tried += 1
                if not (p.returncode == 3 and name in said if p.returncode else same(calibrated, "out")):
                    self.bad += 1
                    print(f"FAIL byte {at} of {name}: exit {p.returncode}: {said}")
        print(f"--resume with a changed byte: {tried} in {len(files)} files, wrong {self.bad - bad}", flush=True)

    def all(self):
        self.ready = {r: self.made("ready-" + r, "quantize", "A", "-r", r) for r in ("mxfp4", "nvfp4a16")}
        b = self.made("ready-B", "quantize", "B", "-r", "nvfp4a16")
        calibrated = self.made("ready-C", "quantize", "A", *CALIBRATED)
        stats = [self.made(f"{n}.vqs", "calibrate", n, *CALIBRATED) for n in "AB"]
        other = self.made("other.vqs", "calibrate", "A", *CALIBRATED, "--data", "A/valid.txt")
        merged = [self.made(f"merged{i}.vqs", "calibrate", "--merge", *files) for i, files in enumerate(([stats[0], other], [other, stats[0]]))]
        shutil.copytree(self.ready["nvfp4a16"], "old")
        self.race("two quantize", ["quantize", "A", "-r", "nvfp4a16", "-o", "out"], ["quantize", "B", "-r", "nvfp4a16", "-o", "out"], "out", [self.ready["nvfp4a16"], b])
        self.race("two calibrate", ["calibrate", "A", *CALIBRATED, "-o", "out.vqs"], ["calibrate", "B", *CALIBRATED, "-o", "out.vqs"], "out.vqs", stats)
        self.race("two merge", ["calibrate", "--merge", stats[0], other, "-o", "out.vqs"], ["calibrate", "--merge", other, stats[0], "-o", "out.vqs"], "out.vqs", merged)
        resume = ["quantize", "A", *CALIBRATED, "-o", "out", "--resume"]
        self.race("two --resume", resume, resume, "out", [calibrated] * 2, self.stopped)
        self.replaced("verify of what is replaced", ["verify", "old"])
        self.replaced("eval of what is replaced", ["eval", "ppl", "old", "--data", "A/test.txt", "--window", "64", "--max-windows", "2"])
        self.flips(calibrated)
        print(f"{self.bad} wrong")
        return 1 if self.bad else 0


p = argparse.ArgumentParser()
for one in ("vq", "source", "work"):
    p.add_argument(one, type=os.path.abspath)
p.add_argument("--pairs", type=int, default=200)
p.add_argument("--flips", type=int, default=20, help="bytes of each file of a stopped run")
sys.exit(pairs(p.parse_args()).all())
