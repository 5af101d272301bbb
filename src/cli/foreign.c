/* foreign.c -- the options of llm-compressor, AutoRound, AutoGPTQ, ModelOpt, llama.cpp and lm_eval. */
#include "cli/foreign.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAMED "the recipe says it: -r #, as other tools call it, too (`vq recipe list`)"
#define RECIPE "the recipe says it: `vq recipe list`, and -r takes the names of other tools, too"
#define GROUPS                                                                                     \
    "the scheme says it: --set rules.0.use=int4-g#, with zero points int4-g#-asym, or another "    \
    "recipe"
#define DATA "--data takes a text, JSON lines or `self`"
#define SAMPLES "--set calib.samples=#"
#define LENGTH "--set calib.seqlen=#"
#define FORMAT                                                                                     \
    "the recipe says it: --set output.format=compressed-tensors or vq; no GGUF is written, but "   \
    "llama.cpp's converter takes the folders of nvfp4a16 (docs/using-the-output.md)"
#define OUTPUT "-o names the output"
#define FIRST "the model is the first argument, without an option"

/* '#': the value that was given, or such as `value`. */
static const struct {
    const char *name, *here, *value;
} foreign[] = {
    {"ignore",
     "heads, embeddings, norms and routers stay as they are in the shipped recipes; others "
     "with a rule `use: keep` (docs/recipes.md)",
     NULL},
    {"dry-run", "`vq plan` says what quantize would do", NULL},
    {"bits", RECIPE, NULL},
    {"wbits", RECIPE, NULL},
    {"w-bit", RECIPE, NULL},
    {"scheme", NAMED, "W4A16"},
    {"method", RECIPE, NULL},
    {"algorithm", RECIPE, NULL},
    {"qformat", NAMED, "W4A16"},
    {"quantization", NAMED, "W4A16"},
    {"ftype", NAMED, "W4A16"},
    {"group-size", GROUPS, "32"},
    {"groupsize", GROUPS, "32"},
    {"q-group-size", GROUPS, "32"},
    {"sym", "the scheme says it: int4-g64 is symmetric, int4-g64-asym is not", NULL},
    {"asym", "the scheme says it: int4-g64 is symmetric, int4-g64-asym is not", NULL},
    {"format", FORMAT, NULL},
    {"export-format", FORMAT, NULL},
    {"export-fmt", FORMAT, NULL},
    {"outtype", FORMAT, NULL},
    {"dataset", DATA, NULL},
    {"calib-data", DATA, NULL},
    {"calib-dataset", DATA, NULL},
    {"calibration-data", DATA, NULL},
    {"imatrix", DATA ", and --stats a file of `vq calibrate`", NULL},
    {"file", "a text is given with --data", NULL},
    {"nsamples", SAMPLES, "64"},
    {"num-samples", SAMPLES, "64"},
    {"calib-size", SAMPLES, "64"},
    {"num-calibration-samples", SAMPLES, "64"},
    {"seqlen", LENGTH, "512"},
    {"max-seq-length", LENGTH, "512"},
    {"max-seq-len", LENGTH, "512"},
    {"model", FIRST, NULL},
    {"model-path", FIRST, NULL},
    {"model-id", FIRST, NULL},
    {"model-name", FIRST, NULL},
    {"output", OUTPUT, NULL},
    {"output-dir", OUTPUT, NULL},
    {"outdir", OUTPUT, NULL},
    {"save-path", OUTPUT, NULL},
    {"save-dir", OUTPUT, NULL},
    {"export-path", OUTPUT, NULL},
    {"device", "vq works on the processor, with --threads of them", NULL},
    {"device-map", "vq works on the processor, with --threads of them", NULL},
    {"gpu", "vq works on the processor, with --threads of them", NULL},
    {"batch-size", "vq finds it out; --mem-limit bounds the memory", NULL},
    {"trust-remote-code", "vq runs no code of a model", NULL},
};

static int same(const char *a, const char *b)
{
    while (*a && (*a == '_' ? '-' : *a) == *b) a++, b++;
    return !*a && !*b;
}

static void fill(char *buf, size_t len, const char *here, const char *value)
{
    size_t n = 0;
    for (; *here && n + 1 < len; here++)
        n += (size_t)snprintf(buf + n, len - n, "%.*s", *here == '#' ? 40 : 1,
                              *here == '#' ? value : here);
}

const char *vq_foreign_option(const char *name, const char *value, char buf[VQ_FOREIGN])
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (!same(name, foreign[i].name)) continue;
        const bool given = value && *value && *value != '-' && foreign[i].value;
        fill(buf, VQ_FOREIGN, foreign[i].here, given ? value : foreign[i].value);
        return buf;
    }
    return NULL;
}
