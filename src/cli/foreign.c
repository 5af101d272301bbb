/* foreign.c -- the options of llm-compressor, AutoRound, AutoGPTQ, ModelOpt, llama.cpp and lm_eval. */
#include "cli/foreign.h"

#include <stddef.h>
#include <string.h>

#define RECIPE "the recipe says it: `vq recipe list`, and -r takes the names of other tools, too"
#define DATA "--data takes a text, JSON lines or `self`"
#define SAMPLES "--set calib.samples=64"
#define LENGTH "--set calib.seqlen=512"
#define FORMAT                                                                                     \
    "the recipe says it: --set output.format=compressed-tensors or vq; no GGUF is written, but "   \
    "llama.cpp's converter takes the folders of nvfp4a16 (docs/using-the-output.md)"
#define OUTPUT "-o names the output"
#define FIRST "the model is the first argument, without an option"

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
    {"scheme", RECIPE},
    {"method", RECIPE},
    {"algorithm", RECIPE},
    {"qformat", RECIPE},
    {"quantization", RECIPE},
    {"ftype", RECIPE},
    {"group-size", "the scheme says it: --set rules.0.use=int4-g32, or another recipe"},
    {"groupsize", "the scheme says it: --set rules.0.use=int4-g32, or another recipe"},
    {"q-group-size", "the scheme says it: --set rules.0.use=int4-g32, or another recipe"},
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

const char *vq_foreign_option(const char *name)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (same(name, foreign[i].name)) return foreign[i].here;
    return NULL;
}
