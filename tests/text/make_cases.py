"""make_cases.py -- the tokenizers of tests/text/cases and what Hugging Face's tokenizers makes of strings. The vocabularies are trained
on text of ours alone, examples/models/tiny-llama/train.txt. Needs tokenizers, sentencepiece, protobuf; run in the root of the
repository: python tests/text/make_cases.py"""
import json
import os

from tokenizers import Tokenizer

import families
import strings

OUT = "tests/text/cases"
LEFT_OUT = {"split-Removed", "split-Isolated", "split-Contiguous", "split-MergedWithNext", "split-MergedWithPrevious-invert",
            "split-Isolated-invert", "split-MergedWithPrevious", "qwen3.5", "opt", "olmo2"}  # compare_tokenizers.py has them


def cases(spec, texts):
    peer, out = Tokenizer.from_str(json.dumps(spec)), []
    for text in texts:
        if len(text) > 100:
            text = text[:100]
        ids = peer.encode(text, add_special_tokens=True).ids
        back = peer.decode(ids, skip_special_tokens=True)
        out.append({"text": text, "ids": ids, **({"back": back} if back != text else {})})
    return out


def main():
    corpus = open("examples/models/tiny-llama/train.txt", encoding="utf-8").read()
    lines = [x for x in corpus.split("\n") if x.strip()]
    texts = [t for t in strings.strings(280, corpus) if "\x00" not in t]  # jansson takes no NUL: test_tokenizer.c has it
    os.makedirs(OUT, exist_ok=True)
    for name, spec in [*families.fallback_families(lines, 480), *families.unigram_families(lines, 320, "tests/text/rules.tsv"),
                       *families.byte_families(lines, 400), *families.other_families(lines, 400)]:
        if name in LEFT_OUT:
            continue
        with open(f"{OUT}/{name}.json", "w", encoding="utf-8") as f:
            f.write('{"tokenizer":' + json.dumps(spec, ensure_ascii=False, separators=(",", ":")) + ',\n"cases":[\n')
            f.write(",\n".join(json.dumps(c, ensure_ascii=False, separators=(",", ":")) for c in cases(spec, texts)))
            f.write("\n]}\n")


main()
