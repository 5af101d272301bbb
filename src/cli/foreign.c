/* foreign.c -- the options of llm-compressor, AutoRound, AutoGPTQ, ModelOpt, llama.cpp and lm_eval. */
#include "cli/foreign.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAMED "the recipe says it: -r #W4A16, as other tools call it, too (`vq recipe list`)"
#define RECIPE "the recipe says it: `vq recipe list`, and -r takes the names of other tools, too"
#define GROUPS                                                                                     \
    "the scheme says it: --set rules.0.use=int4-g#32, with zero points int4-g#32-asym, or "        \
    "another "                                                                                     \
    "recipe"
#define DATA "--data takes a text, JSON lines or `self`"
#define SAMPLES "--set calib.samples=#64"
#define LENGTH "--set calib.seqlen=#512"
#define FORMAT                                                                                     \
    "the recipe says it: --set output.format=compressed-tensors or vq; no GGUF is written, but "   \
    "llama.cpp's converter takes the folders of nvfp4a16 (docs/using-the-output.md)"
#define OUTPUT "-o names the output"
#define FIRST "the model is the first argument, without an option"

/* "#64": the value that was given, else 64. */
static const struct {
    const char *name, *here;
} foreign[] = {
    {"ignore",
     "heads, embeddings, norms and routers stay as they are in the shipped recipes; others "
     "with a rule `use: keep` (docs/recipes.md)"},
    {"dry-run", "`vq plan` says what quantize would do"},
    {"bits", RECIPE},
    {"wbits", RECIPE},
    {"w-bit", RECIPE},
    {"scheme", NAMED},
    {"method", RECIPE},
    {"algorithm", RECIPE},
    {"qformat", NAMED},
    {"quantization", NAMED},
    {"ftype", NAMED},
    {"group-size", GROUPS},
    {"groupsize", GROUPS},
    {"q-group-size", GROUPS},
    {"sym", "the scheme says it: int4-g64 is symmetric, int4-g64-asym is not"},
    {"asym", "the scheme says it: int4-g64 is symmetric, int4-g64-asym is not"},
    {"format", FORMAT},
    {"export-format", FORMAT},
    {"export-fmt", FORMAT},
    {"outtype", FORMAT},
    {"dataset", DATA},
    {"calib-data", DATA},
    {"calib-dataset", DATA},
    {"calibration-data", DATA},
    {"imatrix", DATA ", and --stats a file of `vq calibrate`"},
    {"file", "a text is given with --data"},
    {"nsamples", SAMPLES},
    {"num-samples", SAMPLES},
    {"calib-size", SAMPLES},
    {"num-calibration-samples", SAMPLES},
    {"seqlen", LENGTH},
    {"max-seq-length", LENGTH},
    {"max-seq-len", LENGTH},
    {"model", FIRST},
    {"model-path", FIRST},
    {"model-id", FIRST},
    {"model-name", FIRST},
    {"output", OUTPUT},
    {"output-dir", OUTPUT},
    {"outdir", OUTPUT},
    {"save-path", OUTPUT},
    {"save-dir", OUTPUT},
    {"export-path", OUTPUT},
    {"device", "vq works on the processor, with --threads of them"},
    {"device-map", "vq works on the processor, with --threads of them"},
    {"gpu", "vq works on the processor, with --threads of them"},
    {"batch-size", "vq finds it out; --mem-limit bounds the memory"},
    {"trust-remote-code", "vq runs no code of a model"},
};

static int same(const char *a, const char *b)
{
    while (*a && (*a == '_' ? '-' : *a) == *b) a++, b++;
    return !*a && !*b;
}

static size_t put(char *buf, size_t len, const char *text, size_t n)
{
    const int written = snprintf(buf, len, "%.*s", (int)n, text);
    return written > 0 && (size_t)written < len ? (size_t)written : len - 1;
}

static void fill(char *buf, size_t len, const char *here, const char *value)
{
    size_t n = 0;
    while (*here) {
        const size_t plain = strcspn(here, "#");
        n += put(buf + n, len - n, here, plain);
        here += plain;
        if (!*here++) break;
        size_t usual = 0;
        while (isalnum((unsigned char)here[usual])) usual++;
        n += value ? put(buf + n, len - n, value, 40) : put(buf + n, len - n, here, usual);
        here += usual;
    }
}

const char *vq_foreign_option(const char *name, const char *value, char buf[VQ_FOREIGN])
{
    const bool given = value && *value && *value != '-';
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (!same(name, foreign[i].name)) continue;
        fill(buf, VQ_FOREIGN, foreign[i].here, given ? value : NULL);
        return buf;
    }
    return NULL;
}
