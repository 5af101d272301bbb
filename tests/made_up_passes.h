/* made_up_passes.h -- a pass table for recipe tests that need no registry: transform arc, rounders
 * rtn and mse, finishing pass tune. */
#ifndef VQ_TESTS_MADE_UP_PASSES_H
#define VQ_TESTS_MADE_UP_PASSES_H

#include <string.h>

#include "recipe/recipe.h"

static inline const vq_option *made_up_transform(const char *name)
{
    static const vq_option arc[] = {
        {"count", VQ_OPT_CHOICE, "official", 0, 0, "official|paper|all", "how many"},
        {"by", VQ_OPT_CHOICE, "absmax", 0, 0, "absmax|mean", "of what"},
        {"granularity", VQ_OPT_CHOICE, "16", 0, 0, "16|32|64", "unit"},
        {"max_fraction", VQ_OPT_REAL, "1", 0, 1, NULL, "limit"},
        {"width", VQ_OPT_INT, "3", 1, 9, NULL, "an integer"},
        {"fold", VQ_OPT_BOOL, "false", 0, 0, NULL, "a switch"},
        {.name = NULL},
    };
    static const vq_option none[] = {{.name = NULL}};
    static const vq_option hadamard[] = {
        {"block", VQ_OPT_CHOICE, "32", 0, 0, "16|32|64", "together"}, {.name = NULL}};
    static const vq_option smooth[] = {
        {"strength", VQ_OPT_REAL, "0.5", 0, 1, NULL, "how much"},
        {"by", VQ_OPT_CHOICE, "range", 0, 0, "range|hessian", "of what"},
        {.name = NULL}};
    if (strcmp(name, "hadamard") == 0) return hadamard;
    if (strcmp(name, "smooth") == 0) return smooth;
    if (strcmp(name, "awq") == 0) return none;
    return strcmp(name, "arc") == 0 ? arc : NULL;
}

static inline const vq_option *made_up_rounder(const char *name)
{
    static const vq_option none[] = {{.name = NULL}};
    static const vq_option gptq[] = {
        {"curvature", VQ_OPT_CHOICE, "input", 0, 0, "input|token|kronecker", "of what"},
        {"scales", VQ_OPT_CHOICE, "plain", 0, 0, "plain|search", "of groups"},
        {"shrink", VQ_OPT_REAL, "0", 0, 1, NULL, "left out"},
        {"shrink_output", VQ_OPT_REAL, "0", 0, 1, NULL, "left out"},
        {"descent", VQ_OPT_INT, "0", 0, 100, NULL, "passes"},
        {.name = NULL}};
    if (strcmp(name, "gptq") == 0) return gptq;
    return strcmp(name, "rtn") == 0 || strcmp(name, "mse") == 0 ? none : NULL;
}

static inline const vq_option *made_up_finish(const char *name)
{
    static const vq_option tune[] = {{"steps", VQ_OPT_INT, "20", 1, 100, NULL, "how long"},
                                     {.name = NULL}};
    return strcmp(name, "tune") == 0 ? tune : NULL;
}

static inline const vq_pass_table *made_up_passes(void)
{
    static const char *const names[] = {"arc", "rtn", "mse", "tune"};
    static const char *const runtimes[] = {"vllm", "sglang", NULL}, *const none[] = {NULL};
    static const vq_recipe_format formats[] = {
        {"compressed-tensors", runtimes}, {"vq", none}, {NULL, NULL}};
    static const vq_pass_table table = {made_up_transform, made_up_rounder, names, 4,
                                        made_up_finish,    formats,         NULL,  0};
    return &table;
}

#endif
