"""families.py -- tokenizer.json files in the layouts of the families in docs/tokenizers.md, trained on a given text: layouts as
transformers' converters and tokenizer classes write them (5.23), vocabularies ours. For make_cases.py and compare_tokenizers.py.
Needs tokenizers, sentencepiece."""
import base64
import io
import json
import os
import tempfile

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

MARK = "\u2581"
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def spm_model(kind, lines, size, **more):
    """A trained SentencePiece model as its protocol buffer."""
    out = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=out, model_type=kind, vocab_size=size, minloglevel=2, num_threads=1,
        hard_vocab_limit=False, **more)
    proto = pb.ModelProto()
    proto.ParseFromString(out.getvalue())
    return proto


def spm_merges(vocab, scores):
    """As transformers' SentencePieceExtractor: every split of a piece into pieces, in the order of the scores."""
    merges = []
    for piece, score in scores.items():
        local = []
        for i in range(1, len(piece)):
            left, right = piece[:i], piece[i:]
            if left in vocab and right in vocab:
                local.append((left, right, score))
        merges += sorted(local, key=lambda m: (vocab[m[0]], vocab[m[1]]))
    return [[a, b] for a, b, _ in sorted(merges, key=lambda m: (m[2], len(m[0]), len(m[1])), reverse=True)]


def added(id, content, special=True, normalized=False, lstrip=False, rstrip=False, single_word=False):
    return {"id": id, "content": content, "single_word": single_word, "lstrip": lstrip, "rstrip": rstrip,
            "normalized": normalized, "special": special}


def replace(pattern, content, regex=False):
    return {"type": "Replace", "pattern": {"Regex" if regex else "String": pattern}, "content": content}


def sequence(name, *parts):
    return {"type": "Sequence", name: list(parts)}


def template(vocab_ids, before, behind):
    def piece(t):
        return {"SpecialToken": {"id": t, "type_id": 0}}
    text = [{"Sequence": {"id": "A", "type_id": 0}}]
    return {"type": "TemplateProcessing", "single": [piece(t) for t in before] + text + [piece(t) for t in behind],
            "pair": text + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {t: {"id": t, "ids": [vocab_ids[t]], "tokens": [t]} for t in before + behind}}


def metaspace(scheme, split=True):
    return {"type": "Metaspace", "replacement": MARK, "prepend_scheme": scheme, "split": split}


def split(pattern, behavior="Isolated", invert=False, regex=True):
    return {"type": "Split", "pattern": {"Regex" if regex else "String": pattern}, "behavior": behavior, "invert": invert}


def byte_level(prefix=False, regex=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def whole(model, added_tokens, normalizer=None, pre=None, post=None, decoder=None):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added_tokens, "normalizer": normalizer,
            "pre_tokenizer": pre, "post_processor": post, "decoder": decoder, "model": model}


def fallback_decoder(strip=True):
    steps = [replace(MARK, " "), {"type": "ByteFallback"}, {"type": "Fuse"}]
    return sequence("decoders", *steps + ([{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if strip else []))


class SpmBpe:
    """BPE with byte fallback, trained by SentencePiece, ids of Llama 2."""

    def __init__(self, lines, size):
        self.proto = spm_model("bpe", lines, size, byte_fallback=True, character_coverage=0.9995, split_digits=True,
                               normalization_rule_name="identity", remove_extra_whitespaces=False,
                               allow_whitespace_only_pieces=True, max_sentence_length=1 << 20)
        self.vocab = {p.piece: i for i, p in enumerate(self.proto.pieces)}
        normal = {p.piece: p.score for p in self.proto.pieces if p.type == 1}
        self.merges = spm_merges(self.vocab, normal)

    def model(self, **more):
        return {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                "vocab": self.vocab, "merges": self.merges, **more}

    def specials(self, *more):
        """unk, bos, eos, and more tokens behind the vocabulary: (content, options)."""
        n = len(self.vocab)
        return [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")] + [
            added(n + i, text, **options) for i, (text, options) in enumerate(more)]


class SpmUnigram:
    """A Unigram model trained by SentencePiece."""

    def __init__(self, lines, size, rules, byte_fallback=False):
        more = {"normalization_rule_name": rules}
        if os.path.exists(rules):
            more = {"normalization_rule_tsv": rules}
        self.proto = spm_model("unigram", lines, size, character_coverage=0.9995, byte_fallback=byte_fallback,
                               max_sentence_length=1 << 20, **more)
        self.pieces = [[p.piece, p.score] for p in self.proto.pieces]
        self.map = base64.b64encode(self.proto.normalizer_spec.precompiled_charsmap).decode()
        self.fallback = byte_fallback

    def model(self, names, unk):
        """names: what the first pieces are called, and one of them, which is the unknown token."""
        pieces = [[n, 0.0] for n in names] + self.pieces[3:]
        return {"type": "Unigram", "unk_id": names.index(unk), "vocab": pieces, "byte_fallback": self.fallback}

    def precompiled(self):
        return {"type": "Precompiled", "precompiled_charsmap": self.map}


def byte_bpe(lines, size, pre):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre
    t.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, min_frequency=2))
    m = json.loads(t.to_str())["model"]
    return {**m, "merges": [list(x) if isinstance(x, list) else x.split(" ") for x in m["merges"]]}


def fallback_families(lines, size):
    s = SpmBpe(lines, size)
    n = len(s.vocab)
    user = [("\U0001F642\u200D", dict(special=False, normalized=True)), ("new word", dict(special=False, normalized=True)),
            ("<|tool|>", dict(special=False, normalized=False))]
    legacy = sequence("normalizers", {"type": "Prepend", "prepend": MARK}, replace(" ", MARK))
    bos = template({"<s>": 1}, ["<s>"], [])
    yield "llama2-legacy", whole(s.model(), s.specials(*user), legacy, None, bos, fallback_decoder())
    yield "llama2", whole(s.model(), s.specials(*user), None, metaspace("first", False), bos, fallback_decoder())
    inst = [(t, dict()) for t in ("[INST]", "[/INST]", "[TOOL_CALLS]")]
    yield "mistral", whole(s.model(merges=[" ".join(m) for m in s.merges if " " not in m[0] + m[1]]), s.specials(*inst), None,
                           metaspace("first", False), bos, fallback_decoder())
    phi = [("<|endoftext|>", dict()), ("<|assistant|>", dict(rstrip=True)), ("<|user|>", dict(rstrip=True)), ("<|end|>", dict(rstrip=True))]
    yield "phi3", whole(s.model(), s.specials(*phi), legacy, None, None, fallback_decoder())
    runs = [(MARK * k, dict(special=False)) for k in (2, 3, 4)] + [("\n" * k, dict(special=False)) for k in (1, 2, 3)]
    turns = [(t, dict()) for t in ("<start_of_turn>", "<end_of_turn>")] + [("<table>", dict(special=False))]
    yield "gemma", whole(s.model(), s.specials(*turns, *[r for r in runs if r[0] not in s.vocab]), replace(" ", MARK),
                         split(" ", "MergedWithPrevious", regex=False), bos, fallback_decoder(False))
    generic = [replace(r"\A +| +\z", "", True), replace(" {2,}", " ", True), replace(" ", MARK), replace(r"\A" + MARK, MARK * 2, True)]
    yield "spm-bpe", whole(s.model(ignore_merges=True), s.specials(), sequence("normalizers", *generic),
                           sequence("pretokenizers", metaspace("always", False), split("new|text", "Isolated")), None,
                           fallback_decoder())
    few = {p: i for i, p in enumerate(p for p in s.vocab if not p.startswith("<0x") or p < "<0x9")}
    kept = [m for m in s.merges if m[0] in few and m[1] in few and m[0] + m[1] in few]
    yield "half-fallback", whole(s.model(vocab=few, merges=kept, fuse_unk=False), [added(0, "<unk>")], None, metaspace("never"), None,
                                 fallback_decoder(False))


def unigram_families(lines, size, rules):
    s = SpmUnigram(lines, size, rules)
    t5 = ["<pad>", "</s>", "<unk>"]
    n = len(s.pieces)
    extra = [added(n + i, f"<extra_id_{i}>") for i in range(4)]
    specials = [added(i, t) for i, t in enumerate(t5)]
    eos = template({"</s>": 1}, [], ["</s>"])
    words = sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace("always"))
    yield "t5", whole(s.model(t5, "<unk>"), specials + extra, s.precompiled(), words, eos, metaspace("always"))
    spaces = sequence("normalizers", s.precompiled(), replace(" {2,}", MARK, True))
    yield "t5-converted", whole(s.model(t5, "<unk>"), specials + extra, spaces, metaspace("first"), eos, metaspace("first"))
    xl = ["<unk>", "<s>", "</s>"]
    quotes = [replace("``", '"'), replace("''", '"'), {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]
    around = template({"</s>": 2, "<s>": 1}, [], ["</s>", "<s>"])
    yield "xlnet", whole(s.model(xl, "<unk>"), [added(i, t) for i, t in enumerate(xl)] + [added(n, "<mask>", lstrip=True, normalized=True)],
                         sequence("normalizers", *quotes, s.precompiled()), words, around, metaspace("always"))
    xlm = ["<s>", "<pad>", "</s>"]
    model = s.model(xlm, "<s>")
    model["vocab"].insert(3, ["<unk>", 0.0])
    model["unk_id"] = 3
    yield "xlm-roberta", whole(model, [added(i, t) for i, t in enumerate(xlm + ["<unk>"])] + [added(n + 1, "<mask>", lstrip=True)],
                               s.precompiled(), words, template({"<s>": 0, "</s>": 2}, ["<s>"], ["</s>"]), metaspace("always"))
    b = SpmUnigram(lines, size + 256, rules, True)
    generic = [b.precompiled(), replace(r"\A +| +\z", "", True), replace(" {2,}", " ", True), replace(" ", MARK)]
    yield "spm-unigram", whole(b.model(xl, "<unk>"), [added(i, t) for i, t in enumerate(xl)], sequence("normalizers", *generic),
                               metaspace("first", False), None, fallback_decoder())
    strip = sequence("normalizers", {"type": "Nmt"}, {"type": "NFKC"}, {"type": "Strip", "strip_left": True, "strip_right": True})
    model = b.model(xl, "<unk>")
    day = next((i for i, piece in enumerate(model["vocab"]) if piece[0] == "day"), len(model["vocab"]))
    yield "nmt-nfkc", whole(model, [added(0, "<unk>"), added(day, "day", special=False, normalized=True, single_word=True)], strip, metaspace("first"), None, metaspace("first"))


def byte_families(lines, size):
    gpt2 = byte_bpe(lines, size, pre_tokenizers.ByteLevel(add_prefix_space=False))
    n = len(gpt2["vocab"])
    end, decoder = [added(n, "<|endoftext|>", normalized=True)], byte_level(True, True)
    empty = {"continuing_subword_prefix": "", "end_of_word_suffix": ""}
    yield "gpt2", whole({**gpt2, **empty}, end, None, byte_level(False, True), None, decoder)
    def split_byte(regex):
        return sequence("pretokenizers", split(regex), byte_level())
    llama3 = sequence("processors", byte_level(), template({"<|begin_of_text|>": n}, ["<|begin_of_text|>"], []))
    yield "llama3", whole({**gpt2, "ignore_merges": True}, [added(n, "<|begin_of_text|>"), added(n + 1, "<|eot_id|>")], None,
                          split_byte(LLAMA3), llama3, decoder)
    chat = [added(n, "<|endoftext|>"), added(n + 1, "<|im_start|>"), added(n + 2, "<|im_end|>"), added(n + 3, "<think>", special=False)]
    yield "qwen", whole({**gpt2, **empty}, chat, {"type": "NFC"}, split_byte(QWEN), byte_level(), byte_level())
    yield "qwen3.5", whole({**gpt2, **empty}, chat, {"type": "NFC"}, split_byte(QWEN35), byte_level(), byte_level())
    yield "gpt-4o", whole({**gpt2, "ignore_merges": True}, chat, None, split_byte(O200K), byte_level(), byte_level())
    opt = template({"</s>": n}, ["</s>"], [])
    yield "opt", whole({**gpt2, **empty}, [added(n, "</s>", normalized=True), added(n + 1, "<pad>", normalized=True)], None,
                       byte_level(False, True), sequence("processors", byte_level(), opt), decoder)
    yield "olmo2", whole({**gpt2, "ignore_merges": False}, [added(n, "<|endoftext|>"), added(n + 1, "|||EMAIL|||", special=False)],
                         {"type": "NFC"}, split_byte(GPT2), byte_level(), decoder)
    digits = sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, byte_level(False, True))
    yield "smollm2", whole(gpt2, chat, None, digits, None, byte_level())
    roberta = {"type": "RobertaProcessing", "sep": ["</s>", n + 1], "cls": ["<s>", n], "trim_offsets": True, "add_prefix_space": True}
    yield "roberta", whole({**gpt2, **empty}, [added(n, "<s>"), added(n + 1, "</s>"), added(n + 2, "<mask>", lstrip=True)], None,
                           byte_level(True, True), roberta, decoder)
    yield "byte-normalizer", whole(gpt2, [added(n, "<|end|>", special=False, normalized=True)],
                                   sequence("normalizers", {"type": "NFD"}, {"type": "ByteLevel"}),
                                   split("\u0120", "MergedWithNext", regex=False), None, byte_level())


def other_families(lines, size):
    """Parts that the families above leave out."""
    t = Tokenizer(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##"))
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    t.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=size, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False,
                                                     continuing_subword_prefix="##", limit_alphabet=200))
    m = json.loads(t.to_str())["model"]
    bert = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    post = {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}
    three = [added(i, x) for i, x in enumerate(["[UNK]", "[CLS]", "[SEP]"])]
    yield "bert-bpe", whole(m, three, bert, sequence("pretokenizers", {"type": "Whitespace"}, {"type": "Punctuation", "behavior": "Isolated"}),
                            post, None)
    t = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=size, special_tokens=["<|startoftext|>", "<|endoftext|>"], show_progress=False,
                                                     end_of_word_suffix="</w>", initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    m = json.loads(t.to_str())["model"]
    clip = sequence("normalizers", {"type": "NFC"}, replace(r"\s+", " ", True), {"type": "Lowercase"})
    pre = sequence("pretokenizers", split(CLIP, "Removed", True), byte_level(False, True))
    yield "clip", whole(m, [added(0, "<|startoftext|>"), added(1, "<|endoftext|>")], clip, pre, template({"<|startoftext|>": 0, "<|endoftext|>": 1},
                        ["<|startoftext|>"], ["<|endoftext|>"]), {"type": "BPEDecoder", "suffix": "</w>"})
    plain = byte_bpe(lines, size, pre_tokenizers.ByteLevel(add_prefix_space=False))
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        for invert in (False, True):
            cuts = sequence("pretokenizers", split("[aeiou ]", behavior, invert), {"type": "Punctuation", "behavior": behavior},
                            {"type": "Digits", "individual_digits": invert}, byte_level())
            yield f"split-{behavior}{'-invert' if invert else ''}", whole(plain, [], None, cuts, None, byte_level())
    yield "empty-matches", whole(plain, [], None, sequence("pretokenizers", split("a*|b", "MergedWithNext"), byte_level()),
                                 None, byte_level())
