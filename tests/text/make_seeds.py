"""make_seeds.py -- small tokenizer.json files for tests/fuzz/corpus/tokenizer that together have every kind of part. Run in the root
of the repository."""
import base64
import json
import struct

from families import GPT2, added, byte_level, fallback_decoder, metaspace, replace, sequence, split, template, whole

BYTES = {"a": 0, "b": 1, "ab": 2, "\u0120": 3, "\u0120a": 4, "abab": 5, "<s>": 9}


def charsmap():
    """a -> xy, by hand: unit = byte | leaf << 8 | offset << 10; a double array of 256 + 512 units and its text."""
    units = [0] * 1024
    units[0] = 256 << 10
    units[256 ^ 97] = 97 | 1 << 8 | 512 << 10
    units[256 ^ 97 ^ 512] = 1 << 31
    blob = struct.pack("<1024I", *units)
    return base64.b64encode(struct.pack("<I", len(blob)) + blob + b"xy\0").decode()


def bpe(vocab, merges, **more):
    return {"type": "BPE", "dropout": None, "unk_token": "a", "fuse_unk": True, "vocab": vocab, "merges": merges, **more}


def seeds():
    pre = sequence("pretokenizers", split(r"(?i:'s|'t)|[^\r\n\p{L}]?\p{L}+|\p{N}{1,3}|\s+(?!\S)|(?:a|b)*c"),
                   {"type": "Digits", "individual_digits": True}, byte_level(True, True))
    tokens = [added(9, "<s>", lstrip=True, rstrip=True), added(10, "<s>x", single_word=True, normalized=True)]
    yield "byte_level", whole(bpe(BYTES, ["a b", ["\u0120", "a"], "ab ab"], ignore_merges=True), tokens, {"type": "NFC"}, pre,
                              template({"<s>": 9}, ["<s>"], []), byte_level())
    some = {"<unk>": 0, "<s>": 1, "\u2581": 2, "a": 3, "b": 4, "ab": 5, "\u2581a": 6, "<0xC3>": 7, "<0xA9>": 8, "<0x0A>": 9}
    legacy = sequence("normalizers", {"type": "Prepend", "prepend": "\u2581"}, replace(" ", "\u2581"))
    yield "fallback", whole(bpe(some, [["a", "b"], ["\u2581", "a"]], byte_fallback=True, unk_token="<unk>"),
                            [added(1, "<s>"), added(10, "it", False, True)], legacy, None, template({"<s>": 1}, ["<s>"], ["<s>"]),
                            fallback_decoder())
    pieces = [["<unk>", 0.0], ["a", -1.5], ["\u2581", -2.0154635906219482], ["ab", -2.25], ["\u2581a", -3], ["<0xC3>", -9], ["<0xA9>", -9], ["xy", -4]]
    unigram = {"type": "Unigram", "unk_id": 0, "vocab": pieces, "byte_fallback": True}
    maps = sequence("normalizers", {"type": "Precompiled", "precompiled_charsmap": charsmap()}, replace(r"\A +| {2,}", " ", True))
    yield "unigram", whole(unigram, [added(0, "<unk>")], maps, sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace("first")),
                           {"type": "RobertaProcessing", "sep": ["a", 1], "cls": ["a", 1]}, metaspace("always"))
    bert = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    yield "bert", whole(bpe({"a": 0, "##b": 1, "ab": 2, "[CLS]": 3}, ["a ##b"], continuing_subword_prefix="##"), [], bert,
                        sequence("pretokenizers", {"type": "Whitespace"}, {"type": "Punctuation", "behavior": "MergedWithNext"}),
                        {"type": "BertProcessing", "sep": ["a", 0], "cls": ["[CLS]", 3]}, {"type": "BPEDecoder", "suffix": "##"})
    rest = sequence("normalizers", {"type": "Nmt"}, {"type": "NFD"}, {"type": "NFKD"}, {"type": "NFKC"}, {"type": "StripAccents"},
                    {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "ByteLevel"})
    yield "rest", whole(bpe({"a": 0, "b</w>": 1, "ab</w>": 2, "'": 3}, [["a", "b</w>"]], end_of_word_suffix="</w>"), [], rest,
                        sequence("pretokenizers", split("a", "MergedWithPrevious", True), split(GPT2, "Contiguous"), split("b", "Removed", regex=False)),
                        sequence("processors", byte_level()), sequence("decoders", {"type": "BPEDecoder", "suffix": "</w>"}, {"type": "Fuse"}))


for name, spec in seeds():
    with open(f"tests/fuzz/corpus/tokenizer/{name}", "w", encoding="utf-8") as f:
        json.dump(spec, f, ensure_ascii=False, separators=(",", ":"))
