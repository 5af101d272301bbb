/* made_model.h -- a reference case of make_architectures.py as a folder: config.json and
 * model.safetensors in BF16, every weight made from its name. */
#ifndef VQ_TESTS_MADE_MODEL_H
#define VQ_TESTS_MADE_MODEL_H

#include <jansson.h>

#include "scratch.h"

static inline uint64_t made_seed(const char *name)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (; *name; name++) h = (h ^ (uint8_t)*name) * 0x100000001B3u;
    return h;
}

static inline uint16_t made_bf16(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

/* made_value -- element i; the product is stored before the sum, so that no compiler fuses them. */
static inline uint16_t made_value(uint64_t seed, uint64_t i, float base, float spread)
{
    uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
    volatile float product;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    product = spread * ((float)(z >> 40) / 8388608.0f - 1.0f);
    return made_bf16(base + product);
}

static inline uint64_t made_count(const json_t *tensor)
{
    const json_t *shape = json_object_get(tensor, "shape");
    uint64_t n = 1;
    for (size_t d = 0; d < json_array_size(shape); d++)
        n *= (uint64_t)json_integer_value(json_array_get(shape, d));
    return n;
}

/* made_header -- the JSON header of the container, padded to whole eights; to be freed. */
static inline char *made_header(json_t *tensors)
{
    json_t *header = json_pack("{s{ss}}", "__metadata__", "format", "pt");
    const char *name;
    json_t *tensor;
    char *text, *padded;
    size_t length, whole;
    json_int_t at = 0;
    json_object_foreach(tensors, name, tensor)
    {
        const json_int_t end = at + 2 * (json_int_t)made_count(tensor);
        json_t *entry = json_pack("{sssOs[II]}", "dtype", "BF16", "shape",
                                  json_object_get(tensor, "shape"), "data_offsets", at, end);
        if (!entry || json_object_set_new(header, name, entry) != 0) abort();
        at = end;
    }
    text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    if (!text) abort();
    length = strlen(text);
    whole = (length + 7) / 8 * 8;
    padded = calloc(1, whole + 1);
    if (!padded) abort();
    memcpy(padded, text, length);
    memset(padded + length, ' ', whole - length);
    free(text);
    return padded;
}

static inline void made_tensor(const char *name, const json_t *tensor, FILE *f)
{
    const json_t *fill = json_object_get(tensor, "fill");
    const float base = (float)json_number_value(json_array_get(fill, 0));
    const float spread = (float)json_number_value(json_array_get(fill, 1));
    const uint64_t seed = made_seed(name), n = made_count(tensor);
    for (uint64_t i = 0; i < n; i++) {
        const uint16_t v = made_value(seed, i, base, spread);
        putc(v & 0xFF, f);
        putc(v >> 8, f);
    }
}

/* made_model_write -- config.json and model.safetensors of the case in the folder of s. */
static inline void made_model_write(const json_t *made, scratch *s)
{
    json_t *tensors = json_object_get(made, "tensors"), *tensor;
    char *config = json_dumps(json_object_get(made, "config"), JSON_INDENT(2));
    char *header = made_header(tensors);
    const uint64_t length = strlen(header);
    const char *name;
    FILE *f;
    if (!config) abort();
    scratch_text(s, "config.json", config);
    f = fopen(scratch_path(s, "model.safetensors"), "wb");
    if (!f) abort();
    for (int i = 0; i < 8; i++) putc((int)(length >> (8 * i) & 0xFF), f);
    fwrite(header, 1, length, f);
    json_object_foreach(tensors, name, tensor) made_tensor(name, tensor, f);
    if (ferror(f) || fclose(f) != 0) abort();
    free(header);
    free(config);
}

#endif
