"""compare_tokenizers.py -- vq's ids and texts beside those of Hugging Face's tokenizers, for every family of families.py. Not run in CI.

    cmake --build --preset release --target encode_many
    python tests/text/compare_tokenizers.py [--strings 10000] [--family NAME] TEXT...

TEXT: files that the vocabularies are trained on and that strings are cut from. Needs tokenizers, sentencepiece, protobuf."""
import argparse
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

import families
import strings

HERE = os.path.dirname(os.path.abspath(__file__))


class Vq:
    def __init__(self, program, path):
        self.p = subprocess.Popen([program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ask(self, kind, count, data):
        self.p.stdin.write(kind + struct.pack("<I", count) + data)
        self.p.stdin.flush()
        head = self.p.stdout.read(8)
        if len(head) < 8:
            sys.exit("encode_many: " + self.p.stderr.read().decode())
        status, n = struct.unpack("<II", head)
        return status, self.p.stdout.read(n if kind in b"dD" else 4 * n)

    def encode(self, text, special=True):
        data = text.encode()
        status, ids = self.ask(b"E" if special else b"e", len(data), data)
        return list(struct.unpack(f"<{len(ids) // 4}i", ids)) if status == 0 else f"error {status}"

    def decode(self, ids, skip):
        status, text = self.ask(b"D" if skip else b"d", len(ids), struct.pack(f"<{len(ids)}i", *ids))
        return text.decode() if status == 0 else f"error {status}"

    def close(self):
        self.p.stdin.close()
        self.p.wait()


def theirs(call):
    try:
        return call()
    except BaseException as e:  # a panic of theirs is no Exception
        return f"raised {type(e).__name__}"


def seconds(call, pid="self"):
    """CPU time of a process: other work on the machine does not count."""
    def used():
        fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    start = used()
    call()
    return used() - start


def show(name, what, given, ours, other):
    print(f"  {name} {what}: {given!r:.300}\n    vq    {ours!r:.300}\n    their {other!r:.300}", file=sys.stderr)


def compare(name, spec, texts, long_text, program, shown):
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as f:
        json.dump(spec, f, ensure_ascii=False)
    peer, vq = Tokenizer.from_file(f.name), Vq(program, f.name)
    r, same_ids, same_text, raised, size = random.Random(2), 0, 0, 0, len(peer.get_vocab())
    for text in texts:
        want = theirs(lambda: peer.encode(text, add_special_tokens=True).ids)
        got = vq.encode(text)
        if isinstance(want, str):
            raised += 1
            continue
        same_ids += got == want
        if got != want and shown > 0:
            shown -= 1
            show(name, "ids", text, got, want)
        any_ids = [r.randrange(size) for _ in range(r.randrange(12))]
        known = [i for i in any_ids if peer.id_to_token(i) is not None]
        ok = True
        for ids, skip in ((want, False), (want, True), (known, False)):
            back, wanted = vq.decode(ids, skip), theirs(lambda: peer.decode(ids, skip_special_tokens=skip))
            if back != wanted and not wanted.startswith("raised "):
                ok = False
                if shown > 0:
                    shown -= 1
                    show(name, f"text of {ids}", text, back, wanted)
        same_text += ok
    ours_s = seconds(lambda: vq.encode(long_text), vq.p.pid)
    their_s = seconds(lambda: theirs(lambda: peer.encode(long_text)))
    vq.close()
    os.unlink(f.name)
    counted = len(texts) - raised
    mark = "" if same_ids == counted and same_text == counted else " **differs**"
    note = f" ({raised} raise in tokenizers)" if raised else ""
    print(f"| {name} | {size:,} | {counted:,}{note} | {same_ids:,} | {same_text:,}{mark} | {ours_s:.2f} | {their_s:.2f} |", flush=True)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--strings", type=int, default=10000)
    a.add_argument("--vocab", type=int, default=8000)
    a.add_argument("--family", action="append")
    a.add_argument("--program", default=os.path.join(HERE, "../../build/release/tests/encode_many"))
    a.add_argument("--rules", default="nmt_nfkc", help="SentencePiece's normalization rules: a name or a .tsv")
    a.add_argument("--show", type=int, default=3, help="differences to show for each family")
    a.add_argument("text", nargs="+")
    o = a.parse_args()
    corpus = "\n".join(open(p, encoding="utf-8").read() for p in o.text)
    lines = [x for x in corpus.split("\n") if x.strip()]
    texts, long_text = strings.strings(o.strings, corpus), corpus.encode()[:1 << 20].decode(errors="ignore")
    print("| family | vocabulary | strings | identical ids | identical decodes | 1 MiB of text, CPU s | tokenizers, CPU s |\n|---|---|---|---|---|---|---|")
    every = [lambda: families.fallback_families(lines, o.vocab), lambda: families.unigram_families(lines, o.vocab, o.rules),
             lambda: families.byte_families(lines, o.vocab), lambda: families.other_families(lines, o.vocab)]
    for group in every:
        for name, spec in group():
            if not o.family or any(f in name for f in o.family):
                compare(name, spec, texts, long_text, o.program, o.show)


main()
