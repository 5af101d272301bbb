/* finish.c -- the finishing passes and their options. */
#include "quant/finish.h"

#include <string.h>

static const vq_finish *const finishes[] = {&vq_finish_tune, NULL};

const vq_finish *vq_finish_at(int i)
{
    for (int j = 0; finishes[j]; j++)
        if (j == i) return finishes[j];
    return NULL;
}

const vq_finish *vq_finish_find(const char *name)
{
    for (int j = 0; finishes[j]; j++)
        if (strcmp(finishes[j]->name, name) == 0) return finishes[j];
    return NULL;
}

static const vq_option tune_options[] = {
    {"what", VQ_OPT_CHOICE, "both", 0, 0, "norms|scales|both",
     "norms: norm weights, and biases where there are any; scales: the second-level scale of every "
     "linear that has one"},
    {"steps", VQ_OPT_INT, "80", 1, 100000, NULL, "training steps"},
    {"tokens", VQ_OPT_INT, "512", 1, 1 << 20, NULL,
     "tokens of a step, in whole samples, at least one"},
    {"rate", VQ_OPT_REAL, "0.001", 1e-6, 0.5, NULL,
     "first step of Adam, in parts of a vector's root mean square; falls linearly to 0"},
    {.name = NULL},
};

const vq_finish vq_finish_tune = {
    .name = "tune",
    .doc = "distills the original model into what costs no bits: norm weights, biases, "
           "second-level scales; codes stay",
    .source = "arXiv 1412.6980 (Adam); KL(original || quantized) over the calibration samples",
    .options = tune_options,
};

vq_tune_options vq_tune_options_of(const vq_option_set *s)
{
    const char *what = vq_option_get(s, "what")->s;
    return (vq_tune_options){
        .steps = vq_option_get(s, "steps")->i,
        .tokens = vq_option_get(s, "tokens")->i,
        .rate = vq_option_get(s, "rate")->r,
        .vectors = strcmp(what, "scales") != 0,
        .scales = strcmp(what, "norms") != 0,
    };
}
