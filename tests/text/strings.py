"""strings.py -- strings that tokenizers stumble over, fixed ones and random ones (seeded)."""
import random
import unicodedata

FIXED = ["", " ", "  ", "\t", "\n", "\r\n", "\ufeff", "\ufeffa", "\u2581", "\u2581\u2581a", " \u2581 a", "a" * 300, " " * 70, "\n" * 40, "\t" * 9 + "x",
         "a\u0301", "\u0301", "e\u0301\u0327", "\u1100\u1161\u11a8", "\uac01\u11a8", "\ud55c\uad6d\uc5b4", "\u200d", "\U0001F468\u200d\U0001F469\u200d\U0001F467",
         "\U0001F1E9\U0001F1EA\U0001F1EB", "\U0001F44D\U0001F3FD", "\x00", "a\x00b", "\x01\x02\x7f", "\x85\xa0\u1680\u2003\u2028\u3000", "\u200b\u200c\u200e\u00ad",
         "\ufffd", "\uffff", "\U0010ffff", "\U000e0041", "\ue000", "\ufb01\u0301", "\ufb01", "\uff21\uff11\uff5e", "\u00bd\u2460\u2167\u3392", "\u0130\u0131\u017f\u1e9e\u03a3\u03c2",
         "``quoted''", "'s 't 'RE I'LL don't DON'T", "1 22 333 4444 55555", "\u0661\u0662\u0663 \u0967 \u00b2 \u4e94", "<s>", "</s> x", "a<s>b", "<s><s>", " <s> ", "<unk>", "<unk>x", "x<unk>\u4e00",
         "<0x41>", "<0xE4><0xB8>", "<0xZZ>", "<pad> <mask>", "a   <mask>  b", "<|assistant|>  \n hi", "<|end|> x", "<|endoftext|>", "a<|endoftext|>b", "[INST] hi [/INST]", "<start_of_turn>user\n",
         "<extra_id_0> <extra_id_3>", "new word new words renew word", "day Monday day, day", "\U0001F642\u200d", "<think>\n</think>", "|||EMAIL|||", "\u0120the \u0120", "\u0915\u094d\u0937\u093f", "\u0e19\u0e49\u0e33",
         "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627 \u0639", "\u00c5\u212b", "x\u0338=", "\ufdfa", "\u0344", "\u0958\u0959", "\u2126\u212a", "\r\r\n\n \r", " a", "a ", "  a  b  ", "a\u3000b", ".,;:!?", "$+<=>^`|~", "x\u0302\u0302\u0302" * 20,
         "\u0315\u0300\u05ae\u0300", "http://a.b/c?d=e&f", "    if (x) {\n\t\treturn;\n    }\n", "\u4e2d\u6587\u5b57\u7b26 mixed \u65e5\u672c\u8a9e", "\u1e0b\u0323", "\uac00\u11a7", "-" * 100, "ab" * 200, "xaxbx", "aaab"]
WORDS = ["the", "of", "and", "new", "text", "word", "day", "a", "in", "Hello", "hello", "Wörld", "naïve", "don't", "1999", "3.14", "日本", "привет", "한국어", "مرحبا"]
SPECIAL = ["<s>", "</s>", "<unk>", "<pad>", "<mask>", "<|endoftext|>", "<|im_start|>", "<|end|>", "<|assistant|>", "[INST]", "<start_of_turn>", "<extra_id_1>",
           "<|tool|>", "new word", "day", "<think>", "<0x0A>", "[SEP]"]
SPACES = [" ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u2581", "\u3000", "\u2009", "\u200b"]
BLOCKS = [(0, 0x80), (0x80, 0x250), (0x2b0, 0x370), (0x370, 0x530), (0x590, 0x750), (0x900, 0xe00), (0xe00, 0x1000), (0x1100, 0x1200), (0x1e00, 0x2000),
          (0x2000, 0x2070), (0x2070, 0x2c00), (0x3000, 0x3100), (0x3200, 0x3400), (0x4e00, 0xa000), (0xac00, 0xd7a4), (0xf900, 0xfb00), (0xfb00, 0xfe00),
          (0xfe00, 0x10000), (0x1d400, 0x1d800), (0x1f000, 0x1fb00), (0x20000, 0x2a000), (0xe0000, 0xe0200)]


def known(c):
    """Assigned for long: younger characters are in another class in every library's Unicode version."""
    c = chr(c)
    return unicodedata.category(c) != "Cs" and unicodedata.ucd_3_2_0.category(c) != "Cn"


def some_char(r):
    while True:
        lo, hi = r.choice(BLOCKS)
        c = r.randrange(lo, hi)
        if known(c):
            return chr(c)


def some_string(r, corpus):
    parts = []
    for _ in range(r.randrange(1, 9)):
        k = r.randrange(9)
        if k == 0:
            parts.append(r.choice(WORDS))
        elif k == 1:
            parts.append(r.choice(SPECIAL))
        elif k == 2:
            parts.append(r.choice(SPACES) * r.choice([1, 1, 1, 2, 5, 17]))
        elif k == 3:
            parts.append("".join(some_char(r) for _ in range(r.randrange(1, 12))))
        elif k == 4:
            parts.append(some_char(r) + "".join(chr(r.randrange(0x300, 0x345)) for _ in range(r.randrange(1, 4))))
        elif k == 5:
            parts.append(r.choice(FIXED))
        elif k == 6:
            parts.append(r.choice("abcxyz -.0\u00e9\u4e00") * r.randrange(1, 30))
        else:
            at = r.randrange(max(1, len(corpus) - 80))
            parts.append(corpus[at:at + r.randrange(1, 80)])
    return "".join(parts)


def strings(n, corpus, seed=1):
    """FIXED, then random ones: n together."""
    r = random.Random(seed)
    return (FIXED + [some_string(r, corpus) for _ in range(max(0, n - len(FIXED)))])[:n]
