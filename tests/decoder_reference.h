/* decoder_reference.h -- the decoder of the Llama family written once more, in f64 loops that
 * follow the formulas, for tests of the ops. */
#ifndef VQ_TESTS_DECODER_REFERENCE_H
#define VQ_TESTS_DECODER_REFERENCE_H

#include <math.h>

#include "made_config.h"
#include "memory_source.h"
#include "model/arch/arch.h"

typedef struct reference {
    const made_config *config;
    const memory_source *weights;
} reference;

static inline const float *ref_weight(const reference *r, int layer, const char *part)
{
    char name[128];
    if (layer < 0)
        snprintf(name, sizeof name, "%s", part);
    else
        snprintf(name, sizeof name, "model.layers.%d.%s", layer, part);
    return memory_data(r->weights, name);
}

/* y = W x + b with the module's tensors. */
static inline void ref_linear(const reference *r, int layer, const char *module, const double *x,
                              int64_t k, double *y, int64_t n)
{
    char part[96];
    snprintf(part, sizeof part, "%s.weight", module);
    const float *w = ref_weight(r, layer, part);
    snprintf(part, sizeof part, "%s.bias", module);
    const float *bias = ref_weight(r, layer, part);
    for (int64_t i = 0; i < n; i++) {
        y[i] = bias ? (double)bias[i] : 0;
        for (int64_t j = 0; j < k; j++) y[i] += (double)w[i * k + j] * x[j];
    }
}

static inline void ref_norm(const reference *r, int layer, const char *part, double *x, int64_t n)
{
    const float *w = ref_weight(r, layer, part);
    double sum = 0;
    if (!w) return;
    for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
    const double scale = 1 / sqrt(sum / (double)n + r->config->norm_eps);
    for (int64_t i = 0; i < n; i++) x[i] *= scale * (double)w[i];
}

/* Heads of one token: their norm when the model has one, then the rotation by its position. */
static inline void ref_heads(const reference *r, int layer, const char *norm, double *x,
                             int64_t heads, int64_t position)
{
    const int64_t d = r->config->head_dim, half = d / 2;
    for (int64_t h = 0; h < heads; h++) {
        double *head = x + h * d;
        ref_norm(r, layer, norm, head, d);
        for (int64_t i = 0; i < half; i++) {
            const double angle =
                (double)position * pow(r->config->rope_theta, -2.0 * (double)i / (double)d);
            const double a = head[i], b = head[i + half];
            head[i] = a * cos(angle) - b * sin(angle);
            head[i + half] = b * cos(angle) + a * sin(angle);
        }
    }
}

/* out[d] of one head of the query at `position`; q, k, v are [length][..] of one sequence. */
static inline void ref_attend(const reference *r, const double *q, const double *k, const double *v,
                              int64_t position, int64_t head, double *out)
{
    const made_config *c = r->config;
    const int64_t d = c->head_dim, kv_width = c->kv_heads * d,
                  kv = head / (c->heads / c->kv_heads) * d;
    double sum = 0;
    for (int64_t i = 0; i < d; i++) out[i] = 0;
    for (int64_t j = 0; j <= position; j++) {
        if (c->sliding_window > 0 && j <= position - c->sliding_window) continue;
        double score = 0;
        for (int64_t i = 0; i < d; i++)
            score += q[position * c->heads * d + head * d + i] * k[j * kv_width + kv + i];
        const double weight = exp(score / sqrt((double)d));
        sum += weight;
        for (int64_t i = 0; i < d; i++) out[i] += weight * v[j * kv_width + kv + i];
    }
    for (int64_t i = 0; i < d; i++) out[i] /= sum;
}

static inline void ref_attention(const reference *r, int layer, double *x, int64_t length)
{
    const made_config *c = r->config;
    const int64_t hidden = c->hidden, qw = c->heads * c->head_dim, kw = c->kv_heads * c->head_dim;
    double *q = malloc((size_t)(length * (qw + 2 * kw) + 2 * qw + 2 * hidden) * sizeof *q),
           *k = q + length * qw, *v = k + length * kw;
    double *mixed = v + length * kw, *row = mixed + qw;
    for (int64_t t = 0; t < length; t++) {
        memcpy(row, x + t * hidden, (size_t)hidden * sizeof *row);
        ref_norm(r, layer, "input_layernorm.weight", row, hidden);
        ref_linear(r, layer, "self_attn.q_proj", row, hidden, q + t * qw, qw);
        ref_linear(r, layer, "self_attn.k_proj", row, hidden, k + t * kw, kw);
        ref_linear(r, layer, "self_attn.v_proj", row, hidden, v + t * kw, kw);
        ref_heads(r, layer, "self_attn.q_norm.weight", q + t * qw, c->heads, t);
        ref_heads(r, layer, "self_attn.k_norm.weight", k + t * kw, c->kv_heads, t);
    }
    for (int64_t t = 0; t < length; t++) {
        for (int64_t h = 0; h < c->heads; h++)
            ref_attend(r, q, k, v, t, h, mixed + h * c->head_dim);
        ref_linear(r, layer, "self_attn.o_proj", mixed, qw, row, hidden);
        for (int64_t i = 0; i < hidden; i++) x[t * hidden + i] += row[i];
    }
    free(q);
}

static inline void ref_mlp(const reference *r, int layer, double *x)
{
    const int64_t hidden = r->config->hidden, ffn = r->config->ffn;
    double *row = malloc((size_t)(hidden + 2 * ffn) * sizeof *row), *gate = row + hidden,
           *up = gate + ffn;
    memcpy(row, x, (size_t)hidden * sizeof *row);
    ref_norm(r, layer, "post_attention_layernorm.weight", row, hidden);
    ref_linear(r, layer, "mlp.gate_proj", row, hidden, gate, ffn);
    ref_linear(r, layer, "mlp.up_proj", row, hidden, up, ffn);
    for (int64_t i = 0; i < ffn; i++) up[i] *= gate[i] / (1 + exp(-gate[i]));
    ref_linear(r, layer, "mlp.down_proj", up, ffn, row, hidden);
    for (int64_t i = 0; i < hidden; i++) x[i] += row[i];
    free(row);
}

/* ref_logits -- logits [length][vocab] of one sequence. */
static inline void ref_logits(const reference *r, const int32_t *ids, int64_t length,
                              double *logits)
{
    const made_config *c = r->config;
    double *x = malloc((size_t)(length * c->hidden) * sizeof *x);
    const float *table = ref_weight(r, -1, "model.embed_tokens.weight");
    for (int64_t t = 0; t < length; t++)
        for (int64_t i = 0; i < c->hidden; i++)
            x[t * c->hidden + i] = (double)table[ids[t] * c->hidden + i];
    for (int layer = 0; layer < c->layers; layer++) {
        ref_attention(r, layer, x, length);
        for (int64_t t = 0; t < length; t++) ref_mlp(r, layer, x + t * c->hidden);
    }
    for (int64_t t = 0; t < length; t++) {
        ref_norm(r, -1, "model.norm.weight", x + t * c->hidden, c->hidden);
        ref_linear(r, -1, c->tied ? "model.embed_tokens" : "lm_head", x + t * c->hidden, c->hidden,
                   logits + t * c->vocab, c->vocab);
    }
    free(x);
}

#endif
