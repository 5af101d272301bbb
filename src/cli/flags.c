/* flags.c -- the option table. An option stands here only when a command obeys it. */
#include "cli/opts.h"

#include <stdio.h>

#define AT(field) offsetof(vq_args, field)
#define WORKS (VQ_CMD_QUANTIZE | VQ_CMD_CALIBRATE)
#define PLANS (VQ_CMD_PLAN | WORKS)
#define SEED_MAX 9000000000000000 /* of calib.seed too: whole in any reader of JSON */
#define SETS (PLANS | VQ_CMD_RECIPE)

const vq_flag vq_flags[] = {
    {"recipe", 'r', VQ_FLAG_TEXT, VQ_CMD_PLAN | VQ_CMD_QUANTIZE, AT(recipe), "R", 0, 0, NULL,
     "recipe: a YAML file, or the name of a shipped one"},
    {"recipe", 'r', VQ_FLAG_TEXTS, VQ_CMD_CALIBRATE, AT(recipes), "R", 0, 0, NULL,
     "recipe: a file or a shipped one; again: what all of them need"},
    {"merge", 0, VQ_FLAG_SWITCH, VQ_CMD_CALIBRATE, AT(merge), NULL, 0, 0, NULL,
     "add up statistics files, weighed by shares, instead of making one"},
    {"common", 0, VQ_FLAG_SWITCH, VQ_CMD_CALIBRATE, AT(common), NULL, 0, 0, NULL,
     "with --merge: what all files hold, where one holds more than another"},
    {"data", 0, VQ_FLAG_TEXTS, PLANS, AT(sources), "[SHARE:]TEXT", 0, 0, NULL,
     "text, JSON lines (.jsonl) or `self`, the model's own; again: a mix"},
    {"tokens", 0, VQ_FLAG_TEXTS, PLANS, AT(token_sources), "[SHARE:]FILE", 0, 0, NULL,
     "little-endian int32 token ids; again, or beside --data: a mix"},
    {"data", 0, VQ_FLAG_TEXTS, VQ_CMD_EVAL, AT(sources), "TEXT", 0, 0, NULL,
     "text file (UTF-8), tokenized whole; again: one more text"},
    {"tokens", 0, VQ_FLAG_TEXTS, VQ_CMD_EVAL, AT(token_sources), "FILE", 0, 0, NULL,
     "little-endian int32 token ids instead of text; again: more"},
    {"data", 0, VQ_FLAG_TEXT, VQ_CMD_TOKENIZE, AT(data), "TEXT", 0, 0, NULL,
     "text file (UTF-8), tokenized whole"},
    {"tokens", 0, VQ_FLAG_TEXT, VQ_CMD_GENERATE | VQ_CMD_TOKENIZE, AT(tokens), "FILE", 0, 0, NULL,
     "little-endian int32 token ids instead of text"},
    {"out", 'o', VQ_FLAG_TEXT, VQ_CMD_QUANTIZE, AT(out), "OUT", 0, 0, NULL,
     "output folder (default: named after model and recipe)"},
    {"out", 'o', VQ_FLAG_TEXT, VQ_CMD_CALIBRATE, AT(out), "S.vqs", 0, 0, NULL,
     "statistics file to write"},
    {"out", 'o', VQ_FLAG_TEXT, VQ_CMD_TOKENIZE, AT(out), "FILE", 0, 0, NULL,
     "write the ids into a file, as little-endian int32"},
    {"set", 0, VQ_FLAG_LIST, SETS, AT(sets), "KEY=VALUE", 0, 0, NULL,
     "override one value of the recipe; may be repeated"},
    {"seed", 0, VQ_FLAG_INT, PLANS, AT(seed), "N", 0, SEED_MAX, "VQ_SEED",
     "seed of whatever is drawn: calib.seed of the recipe"},
    {"seed", 0, VQ_FLAG_INT, VQ_CMD_GENERATE, AT(seed), "N", 0, SEED_MAX, "VQ_SEED",
     "seed of the draw"},
    {"resume", 0, VQ_FLAG_SWITCH, VQ_CMD_QUANTIZE, AT(resume), NULL, 0, 0, NULL,
     "continue the stopped run of this output"},
    {"stats", 0, VQ_FLAG_TEXT, VQ_CMD_PLAN | VQ_CMD_QUANTIZE, AT(stats), "FILE.vqs", 0, 0, NULL,
     "statistics that vq calibrate made, instead of a sweep"},
    {"force", 'f', VQ_FLAG_SWITCH, WORKS | VQ_CMD_TOKENIZE, AT(force), NULL, 0, 0, NULL,
     "replace an output that exists"},
    {"against", 0, VQ_FLAG_TEXT, VQ_CMD_VERIFY, AT(against), "MODEL", 0, 0, NULL,
     "compare with the model it was made from"},
    {"ref", 0, VQ_FLAG_TEXT, VQ_CMD_EVAL, AT(ref), "MODEL", 0, 0, NULL,
     "second model: paired differences of loss, KL, top-1 agreement"},
    {"window", 0, VQ_FLAG_INT, VQ_CMD_EVAL, AT(window), "N", 2, 1 << 24, NULL,
     "tokens of a window (default 2048, or the context)"},
    {"stride", 0, VQ_FLAG_INT, VQ_CMD_EVAL, AT(stride), "N", 1, 1 << 24, NULL,
     "tokens from window to window (default: the window)"},
    {"max-windows", 0, VQ_FLAG_INT, VQ_CMD_EVAL, AT(max_windows), "N", 1, INT64_MAX, NULL,
     "only the first N windows"},
    {"bos", 0, VQ_FLAG_SWITCH, VQ_CMD_EVAL, AT(bos), NULL, 0, 0, NULL,
     "start every window with the BOS token"},
    {"weights-only", 0, VQ_FLAG_SWITCH, VQ_CMD_EVAL | VQ_CMD_GENERATE, AT(weights_only), NULL, 0, 0,
     NULL, "leave activations unquantized"},
    {"prompt", 'p', VQ_FLAG_TEXT, VQ_CMD_GENERATE, AT(prompt), "TEXT", 0, 0, NULL,
     "text to go on with, as it stands"},
    {"chat", 0, VQ_FLAG_TEXTS, VQ_CMD_GENERATE | VQ_CMD_TOKENIZE, AT(chat), "TEXT", 0, 0, NULL,
     "what the user says; again: assistant, user, ..."},
    {"system", 0, VQ_FLAG_TEXT, VQ_CMD_GENERATE | VQ_CMD_TOKENIZE, AT(system), "TEXT", 0, 0, NULL,
     "with --chat: message of the system before it"},
    {"no-special", 0, VQ_FLAG_SWITCH, VQ_CMD_TOKENIZE, AT(no_special), NULL, 0, 0, NULL,
     "without special tokens around the text, or in it with --decode"},
    {"ids", 0, VQ_FLAG_SWITCH, VQ_CMD_TOKENIZE, AT(ids), NULL, 0, 0, NULL,
     "the ids alone, on one line"},
    {"decode", 0, VQ_FLAG_SWITCH, VQ_CMD_TOKENIZE, AT(decode), NULL, 0, 0, NULL, "ids to text"},
    {"top", 0, VQ_FLAG_INT, VQ_CMD_DIFF, AT(top), "N", 0, INT32_MAX, NULL,
     "show the N worst tensors (default 10)"},
    {"max-tokens", 'n', VQ_FLAG_INT, VQ_CMD_GENERATE, AT(max_tokens), "N", 1, INT32_MAX, NULL,
     "tokens to make at most (default 128)"},
    {"temperature", 0, VQ_FLAG_REAL, VQ_CMD_GENERATE, AT(temperature), "T", 0, 1000, NULL,
     "draw, with logits divided by T (default: take the likeliest)"},
    {"top-k", 0, VQ_FLAG_INT, VQ_CMD_GENERATE, AT(top_k), "K", 1, INT32_MAX, NULL,
     "draw from the K likeliest tokens"},
    {"top-p", 0, VQ_FLAG_REAL, VQ_CMD_GENERATE, AT(top_p), "P", 0, 1, NULL,
     "draw from the likeliest tokens that have a mass of P"},
    {"threads", 't', VQ_FLAG_INT, VQ_CMD_LONG, AT(threads), "N", 1, 1024, "VQ_THREADS",
     "threads (default: the processors of this machine)"},
    {"mem-limit", 0, VQ_FLAG_SIZE, VQ_CMD_LONG, AT(mem_limit), "SIZE", 0, 0, "VQ_MEM_LIMIT",
     "refuse to use more memory: 512M, 16G (default: no limit)"},
    {"isa", 0, VQ_FLAG_CHOICE, VQ_CMD_LONG, AT(isa), "auto|ref|avx2|avx512|amx", 0, 0, "VQ_ISA",
     "kernels, by default the best here"},
    {"numeric", 0, VQ_FLAG_CHOICE, VQ_CMD_LONG, AT(numeric), "fast|strict", 0, 0, "VQ_NUMERIC",
     "strict gives the same bytes on every machine"},
    {"progress", 0, VQ_FLAG_CHOICE, VQ_CMD_LONG, AT(progress), "auto|tty|plain|json|none", 0, 0,
     "VQ_PROGRESS", "how to show progress on stderr"},
    {"json", 0, VQ_FLAG_SWITCH, VQ_CMD_LONG | VQ_CMD_RECIPE | VQ_CMD_TOKENIZE | VQ_CMD_VERSION,
     AT(json), NULL, 0, 0, NULL, "one JSON object on stdout instead of text"},
    {"quiet", 'q', VQ_FLAG_SWITCH, VQ_CMD_LONG | VQ_CMD_TOKENIZE, AT(quiet), NULL, 0, 0, NULL,
     "say only warnings and errors; commands that write files print nothing"},
    {"verbose", 'v', VQ_FLAG_COUNT, VQ_CMD_LONG | VQ_CMD_RECIPE, AT(verbose), NULL, 0, 0, NULL,
     "say more; -vv: still more"},
    {"man", 0, VQ_FLAG_SWITCH, VQ_CMD_HELP, AT(man), NULL, 0, 0, NULL, "the man page vq.1"},
    {"completion", 0, VQ_FLAG_CHOICE, VQ_CMD_HELP, AT(completion), "bash|zsh", 0, 0, NULL,
     "completions for a shell"},
    {"help", 'h', VQ_FLAG_SWITCH, VQ_CMD_ALL, AT(help), NULL, 0, 0, NULL, "this page"},
    {0},
};

const char *vq_flag_usage(const vq_flag *f, char *buf, size_t len)
{
    char letter[8] = "    ", value[32] = "";
    if (f->letter) snprintf(letter, sizeof letter, "-%c, ", f->letter);
    if (f->value)
        snprintf(value, sizeof value, " %s", f->type == VQ_FLAG_CHOICE ? "WORD" : f->value);
    snprintf(buf, len, "%s--%s%s", letter, f->name, value);
    return buf;
}
