/* activation.c -- the table of activations, and y = f(x). */
#include "model/op/activation.h"

#include <math.h>
#include <string.h>

#include "base/parallel.h"

static float silu(float x)
{
    return x / (1 + expf(-x));
}

static float silu_slope(float x)
{
    const float s = 1 / (1 + expf(-x));
    return s * (1 + x * (1 - s));
}

/* x Phi(x) */
static float gelu(float x)
{
    return 0.5F * x * (1 + erff(x * (float)M_SQRT1_2));
}

static float gelu_slope(float x)
{
    const float density = expf(-0.5F * x * x) * 0.3989422804F;
    return 0.5F * (1 + erff(x * (float)M_SQRT1_2)) + x * density;
}

/* tanh(sqrt(2 / pi) (x + 0.044715 x^3)) */
static float bend(float x)
{
    return tanhf(0.7978845608F * (x + 0.044715F * x * x * x));
}

static float gelu_tanh(float x)
{
    return 0.5F * x * (1 + bend(x));
}

static float gelu_tanh_slope(float x)
{
    const float t = bend(x), inner = 0.7978845608F * (1 + 3 * 0.044715F * x * x);
    return 0.5F * (1 + t) + 0.5F * x * (1 - t * t) * inner;
}

static float relu(float x)
{
    return x > 0 ? x : 0;
}

static float relu_slope(float x)
{
    return x > 0 ? 1 : 0;
}

static const vq_activation activations[] = {
    {"silu", silu, silu_slope, false},
    {"swish", silu, silu_slope, false},
    {"gelu", gelu, gelu_slope, false},
    {"gelu_pytorch_tanh", gelu_tanh, gelu_tanh_slope, false},
    {"gelu_new", gelu_tanh, gelu_tanh_slope, false},
    {"gelu_fast", gelu_tanh, gelu_tanh_slope, false},
    {"relu", relu, relu_slope, true},
};

const vq_activation *vq_activation_at(int i)
{
    return (size_t)i < sizeof activations / sizeof *activations ? &activations[i] : NULL;
}

const vq_activation *vq_activation_find(const char *name)
{
    for (int i = 0; vq_activation_at(i); i++)
        if (strcmp(activations[i].name, name) == 0) return &activations[i];
    return NULL;
}

static vq_status forward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const vq_activation *a = n->args;
    const int64_t size = f->rows[id] * n->width;
    const float *in = f->values[n->in[0]];
    float *out = f->values[id];
#pragma omp parallel for schedule(static) if (size > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < size; i++) out[i] = a->at(in[i]);
    return VQ_OK;
}

static vq_status backward(const vq_node *n, int id, vq_frame *f, vq_err *e)
{
    (void)e;
    const vq_activation *a = n->args;
    const int64_t size = f->rows[id] * n->width;
    const float *in = f->values[n->in[0]], *g = f->grads[id];
#pragma omp parallel for schedule(static) if (size > VQ_PARALLEL_MIN)
    for (int64_t i = 0; i < size; i++) f->into[0][i] = g[i] * a->slope(in[i]);
    return VQ_OK;
}

const vq_op *vq_op_of_activation(const vq_activation *a)
{
    return a->scales ? &vq_op_rectifier : &vq_op_activation;
}

const vq_op vq_op_activation = {.name = "activation",
                                .in_place = true,
                                .back_reads = true,
                                .forward = forward,
                                .backward = backward};

const vq_op vq_op_rectifier = {.name = "activation",
                               .in_place = true,
                               .back_reads = true,
                               .forward = forward,
                               .backward = backward,
                               .absorb = VQ_ABSORB_OPERAND,
                               .through = 0};
