/* alias.c -- the names of llm-compressor, ModelOpt, AutoRound and llama-quantize. */
#include "recipe/alias.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define GGUF "vq writes no GGUF: vLLM and transformers load the folder"
#define TRAINED "rounding that knows the data: gptq-int4; trained: `vq recipe show learned`"
#define BITS "4 bits without data: int4-g64; 8 bits: int8-w8a16"
#define BETWEEN                                                                                    \
    "between 4 and 8 bits nothing is shipped: int8-w8a16 or best-4bit (vq alone runs it)"
#define SMALLEST                                                                                   \
    "below 4 bits nothing is shipped; the smallest that runtimes load is gptq-int4, the best at "  \
    "4 "                                                                                           \
    "bits best-4bit, which vq alone runs"
#define STATIC_FP8 "scales of inputs are made per token at run time, not stored"

const vq_alias vq_aliases[] = {
    /* schemes of llm-compressor and AutoRound */
    {"W4A16", "gptq-int4", "groups of 64 with zero points; int4-g128 is the scheme without GPTQ"},
    {"W4A16_ASYM", "gptq-int4", NULL},
    {"W4A16_G128", "int4-g128", "to the nearest; gptq-int4 knows the data, in groups of 64"},
    {"W4A16_G64", "gptq-int4", NULL},
    {"W4A16_G32", NULL, "groups of 64: gptq-int4; of 32: -r gptq-int4 --set rules.0.use=int4-g32"},
    {"W8A16", "int8-w8a16", NULL},
    {"W8A8", "int8", NULL},
    {"W8A8_INT8", "int8", NULL},
    {"INT8_W8A8", "int8", NULL},
    {"W8A8_FP8", "fp8", NULL},
    {"FP8_DYNAMIC", "fp8", NULL},
    {"FP8_STATIC", "fp8", STATIC_FP8},
    {"FP8_W8A8", "fp8", NULL},
    {"NVFP4_W4A4", "nvfp4", NULL},
    {"NVFP4_W4A16", "nvfp4a16", NULL},
    {"INT4", "gptq-int4", NULL},
    {"W4A4", NULL, "4-bit inputs are NVFP4 or MXFP4 here: nvfp4-arc or best-w4a4 keep most"},
    {"W4A8", NULL, "weights of 4 bits with inputs of 16: gptq-int4; both of 8: int8 or fp8"},
    {"W4AFP8", NULL, "weights of 4 bits with inputs of 16: gptq-int4; both of 8: fp8"},
    {"W3A16", NULL, SMALLEST},
    {"W2A16", NULL, SMALLEST},
    {"MXFP8A16", NULL, "inputs as they are at 8 bits: int8-w8a16; both in MXFP8: mxfp8"},
    /* configurations of ModelOpt */
    {"FP8_DEFAULT_CFG", "fp8", STATIC_FP8},
    {"FP8_PER_CHANNEL_PER_TOKEN_CFG", "fp8", NULL},
    {"INT8_DEFAULT_CFG", "int8", NULL},
    {"INT8_WEIGHT_ONLY_CFG", "int8-w8a16", NULL},
    {"INT8_SMOOTHQUANT_CFG", "smoothquant-int8", NULL},
    {"INT8_SQ", "smoothquant-int8", NULL},
    {"INT4_AWQ_CFG", "awq-int4", "groups of 64 with zero points"},
    {"INT4_AWQ", "awq-int4", "groups of 64 with zero points"},
    {"INT4_BLOCKWISE_WEIGHT_ONLY_CFG", "int4-g128", NULL},
    {"NVFP4_DEFAULT_CFG", "nvfp4", NULL},
    {"NVFP4_AWQ", NULL, "NVFP4 whose weights know the data: gptq-nvfp4"},
    {"MXFP4_DEFAULT_CFG", "mxfp4", NULL},
    {"MXFP8_DEFAULT_CFG", "mxfp8", NULL},
    {"W4A8_AWQ", NULL, "weights of 4 bits with inputs of 16: awq-int4; both of 8: fp8"},
    /* types of llama-quantize */
    {"Q8_0", "int8-w8a16", "a scale per output channel; " GGUF},
    {"Q4_0", "int4-g64", "groups of 64; " GGUF},
    {"Q4_1", "gptq-int4", GGUF},
    {"Q4_K", "gptq-int4", GGUF},
    {"Q4_K_S", "gptq-int4", GGUF},
    {"Q4_K_M", "gptq-int4", GGUF},
    {"IQ4_NL", "best-4bit",
     "the same values in blocks of 16; vq alone runs it, and vq writes no GGUF"},
    {"IQ4_XS", "best-4bit", "its values in blocks of 16; vq alone runs it, and vq writes no GGUF"},
    {"MXFP4_MOE", "mxfp4a16", GGUF},
    {"Q6_K", NULL, BETWEEN},
    {"Q5_1", NULL, BETWEEN},
    {"Q5_K", NULL, BETWEEN},
    {"Q5_0", NULL, BETWEEN},
    {"Q5_K_S", NULL, BETWEEN},
    {"Q5_K_M", NULL, BETWEEN},
    {"Q3_K", NULL, SMALLEST},
    {"Q3_K_S", NULL, SMALLEST},
    {"Q3_K_M", NULL, SMALLEST},
    {"Q3_K_L", NULL, SMALLEST},
    {"Q2_K", NULL, SMALLEST},
    {"Q2_K_S", NULL, SMALLEST},
    {"BF16", NULL, "that is no quantization: int8-w8a16 loses next to nothing"},
    {"F16", NULL, "that is no quantization: int8-w8a16 loses next to nothing"},
    /* names of methods and other libraries */
    {"AWQ", "awq-int4", NULL},
    {"AWQModifier", "awq-int4", NULL},
    {"GPTQ", "gptq-int4", NULL},
    {"GPTQModifier", "gptq-int4", NULL},
    {"SmoothQuant", "smoothquant-int8", NULL},
    {"SmoothQuantModifier", "smoothquant-int8", NULL},
    {"ARC", "nvfp4-arc", NULL},
    {"ARCQuant", "nvfp4-arc", NULL},
    {"MR_GPTQ", "mr-gptq-mxfp4", NULL},
    {"RTN", "int4-g64", NULL},
    {"INT3", NULL, SMALLEST},
    {"INT2", NULL, SMALLEST},
    {"FP6", NULL, BETWEEN},
    {"FP4", NULL, "4-bit floats are nvfp4 or mxfp4 here; weights alone: nvfp4a16 or mxfp4a16"},
    {"NF4", NULL, "4 bits with uneven values: best-4bit (vq alone runs it)"},
    {"AutoRound", NULL, TRAINED},
    {"Auto-Round", NULL, TRAINED},
    {"BNB", NULL, BITS},
    {"BitsAndBytes", NULL, BITS},
    {"GGUF", NULL, "vq writes no GGUF; llama.cpp's converter takes the folders of nvfp4a16"},
    {"HQQ", NULL, "4 bits without data: int4-g64"},
    {NULL, NULL, NULL},
};

/* What a name may speak of, and what there is for it. The first that is found in it counts. */
static const struct {
    const char *word, *recipes;
} meanings[] = {
    {"nvfp4", "nvfp4, nvfp4a16, gptq-nvfp4, nvfp4-arc"},
    {"mxfp", "mxfp4, mxfp4a16, mxfp8, mr-gptq-mxfp4"},
    {"fp4", "nvfp4, nvfp4a16, mxfp4, gptq-nvfp4"},
    {"fp8", "fp8, fp8-block, mxfp8"},
    {"e4m3", "fp8, fp8-block, mxfp8"},
    {"smooth", "smoothquant-int8, gptq-nvfp4"},
    {"awq", "awq-int4"},
    {"gptq", "gptq-int4, gptq-nvfp4, mr-gptq-mxfp4"},
    {"w4a4", "nvfp4-arc, best-w4a4, gptq-nvfp4"},
    {"w4", "gptq-int4, awq-int4, best-4bit, int4-g64"},
    {"int4", "gptq-int4, awq-int4, int4-g64, int4-g128"},
    {"4bit", "best-4bit, gptq-int4, nvfp4a16"},
    {"q4", "gptq-int4, awq-int4, best-4bit"},
    {"w8", "int8, int8-w8a16, fp8, smoothquant-int8"},
    {"int8", "int8, int8-w8a16, smoothquant-int8"},
    {"8bit", "int8-w8a16, int8, fp8"},
    {"q8", "int8-w8a16, int8"},
    {"best", "best-4bit, best-w4a4"},
    {"small", "best-4bit, gptq-int4, mxfp4a16"},
    {"fast", "nvfp4a16, int8-w8a16, fp8, int4-g64"},
};

static char plain(char c)
{
    return (char)(c == '_' ? '-' : tolower((unsigned char)c));
}

/* n bytes of a against all of b. */
static bool same_name(const char *a, size_t n, const char *b)
{
    if (strlen(b) != n) return false;
    for (size_t i = 0; i < n; i++)
        if (plain(a[i]) != plain(b[i])) return false;
    return true;
}

const vq_alias *vq_alias_find(const char *name)
{
    for (const vq_alias *a = vq_aliases; a->name; a++)
        if (same_name(name, strlen(name), a->name)) return a;
    return NULL;
}

const vq_shipped *vq_shipped_find(const char *name)
{
    size_t len = strlen(name);
    if (len > 5 && strcmp(name + len - 5, ".yaml") == 0) len -= 5;
    for (const vq_shipped *s = vq_shipped_recipes; s->name; s++)
        if (same_name(name, len, s->name)) return s;
    return NULL;
}

static void add(char *list, size_t len, const char *name)
{
    const size_t n = strlen(list);
    (void)snprintf(list + n, len - n, "%s%s", n ? ", " : "", name);
}

/* Those that begin with the name, or whose name it begins with. */
static void add_prefixed(const char *name, char *list, size_t len)
{
    for (const vq_shipped *s = vq_shipped_recipes; s->name; s++) {
        const size_t a = strlen(name), b = strlen(s->name), n = a < b ? a : b;
        if (n > 1 && strncmp(name, s->name, n) == 0) add(list, len, s->name);
    }
}

static const char *meaning(const char *name)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (strstr(name, meanings[i].word)) return meanings[i].recipes;
    return NULL;
}

static const char *nearest(const char *name)
{
    const char *names[128] = {NULL};
    int n = 0;
    for (int i = 0; vq_shipped_recipes[i].name && n < 64; i++)
        names[n++] = vq_shipped_recipes[i].name;
    return vq_nearest(name, names, n);
}

vq_status vq_alias_unknown(const char *name, vq_err *e)
{
    char low[64], list[256] = "";
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof low; n++) low[n] = plain(name[n]);
    low[n] = 0;
    const vq_alias *a = vq_alias_find(name);
    if (a) return vq_fail(e, VQ_E_RECIPE, "no recipe \"%s\" here; %s", name, a->note);
    vq_scheme scheme;
    if (vq_scheme_find(low, &scheme))
        return vq_fail(e, VQ_E_RECIPE,
                       "no recipe \"%s\": it is a scheme, which a recipe gives to weights: -r "
                       "int4-g64 --set rules.0.use=%s",
                       name, low);
    const char *near = nearest(low);
    if (!near) add_prefixed(low, list, sizeof list);
    const char *means = *list ? list : meaning(low);
    if (near) return vq_fail(e, VQ_E_RECIPE, "no recipe \"%s\"; did you mean \"%s\"?", name, near);
    if (means)
        return vq_fail(e, VQ_E_RECIPE, "no recipe \"%s\"; closest: %s (vq recipe list)", name,
                       means);
    return vq_fail(e, VQ_E_RECIPE,
                   "no recipe \"%s\": neither a file nor a shipped recipe (vq recipe list)", name);
}
