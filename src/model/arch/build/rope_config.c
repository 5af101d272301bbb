/* rope_config.c -- angular step of each pair of channels per position, with the scalings that stretch
 * a trained context. In f32 as the models were trained. */
#include "model/arch/build/rope_config.h"

#include <math.h>
#include <string.h>

typedef struct reading {
    vq_config *config; /* whole */
    vq_config rope;    /* the object with the rope's keys; empty: none */
    const vq_rope_defaults *defaults;
    vq_rope_table *table;
    float *freq; /* [half] */
    double theta, factor, all_dim;
    bool has_factor;
    int64_t dim, trained;
} reading;

static float power(const reading *r, int64_t i)
{
    return powf((float)r->theta, (float)(2 * i) / (float)r->dim);
}

static vq_status make_default(reading *r, vq_err *e)
{
    (void)e;
    for (int64_t i = 0; i < r->table->half; i++) r->freq[i] = 1 / power(r, i);
    return VQ_OK;
}

static vq_status need_factor(const reading *r, vq_err *e)
{
    return r->has_factor ? VQ_OK : vq_fail(e, VQ_E_INPUT, "rope scaling has no factor");
}

static vq_status make_linear(reading *r, vq_err *e)
{
    VQ_TRY(need_factor(r, e));
    for (int64_t i = 0; i < r->table->half; i++) r->freq[i] = 1 / power(r, i) / (float)r->factor;
    return VQ_OK;
}

static vq_status make_dynamic(reading *r, vq_err *e)
{
    VQ_TRY(need_factor(r, e));
    r->table->dynamic_factor = r->factor;
    r->table->theta = r->theta;
    r->table->trained = r->defaults->max_position;
    return make_default(r, e);
}

/* Long wavelengths are slowed by the factor, short ones kept, those between blended. */
static vq_status make_llama3(reading *r, vq_err *e)
{
    double slow = 0, fast = 0;
    VQ_TRY(need_factor(r, e));
    VQ_TRY(vq_config_number(&r->rope, "low_freq_factor", 0, &slow, e));
    VQ_TRY(vq_config_number(&r->rope, "high_freq_factor", 0, &fast, e));
    if (!(slow > 0 && fast > slow))
        return vq_fail(e, VQ_E_INPUT,
                       "rope type llama3 needs low_freq_factor below high_freq_factor");
    const float factor = (float)r->factor, low = (float)slow, high = (float)fast,
                trained = (float)r->trained, turn = (float)(2 * acos(-1.0));
    for (int64_t i = 0; i < r->table->half; i++) {
        const float freq = 1 / power(r, i), wavelength = turn / freq;
        const float smooth = (trained / wavelength - low) / (high - low);
        r->freq[i] = wavelength > trained / low    ? freq / factor
                     : wavelength < trained / high ? freq
                                                   : (1 - smooth) * freq / factor + smooth * freq;
    }
    return VQ_OK;
}

/* The pair that turns `rounds` times over the trained context. */
static double pair_of(const reading *r, double rounds)
{
    return (double)r->dim * log((double)r->trained / (rounds * 2 * acos(-1.0))) /
           (2 * log(r->theta));
}

static double yarn_scale(double factor, double mscale)
{
    return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1;
}

static vq_status yarn_attention(reading *r, vq_err *e)
{
    double given = 0, mscale = 0;
    VQ_TRY(vq_config_number(&r->rope, "attention_factor", 0, &given, e));
    VQ_TRY(vq_config_number(&r->rope, "mscale", 0, &mscale, e));
    r->table->scale = (float)(given > 0                      ? given
                              : mscale > 0 && r->all_dim > 0 ? yarn_scale(r->factor, mscale) /
                                                                   yarn_scale(r->factor, r->all_dim)
                                                             : yarn_scale(r->factor, 1));
    return VQ_OK;
}

/* Pairs that turn often keep their frequency, those that turn seldom are slowed, a ramp between. */
static vq_status make_yarn(reading *r, vq_err *e)
{
    double fast = 32, slow = 1;
    bool truncate = true;
    if (!r->has_factor) r->factor = (double)r->defaults->max_position / (double)r->trained;
    VQ_TRY(vq_config_number(&r->rope, "beta_fast", fast, &fast, e));
    VQ_TRY(vq_config_number(&r->rope, "beta_slow", slow, &slow, e));
    VQ_TRY(vq_config_flag(&r->rope, "truncate", truncate, &truncate, e));
    double low = pair_of(r, fast), high = pair_of(r, slow);
    if (truncate) low = floor(low), high = ceil(high);
    low = fmax(low, 0);
    high = fmin(high, (double)r->dim - 1);
    if (low == high) high += 0.001;
    for (int64_t i = 0; i < r->table->half; i++) {
        const float freq = 1 / power(r, i),
                    ramp = (float)fmin(fmax(((double)i - low) / (high - low), 0), 1);
        r->freq[i] = freq / (float)r->factor * ramp + freq * (1 - ramp);
    }
    return yarn_attention(r, e);
}

/* Every pair has a divisor of its own: one list within the trained context, one beyond. */
static vq_status make_longrope(reading *r, vq_err *e)
{
    const int64_t half = r->table->half;
    float *beyond = r->freq + half;
    double given = 0;
    VQ_TRY(vq_config_numbers(&r->rope, "short_factor", half, r->freq, e));
    VQ_TRY(vq_config_numbers(&r->rope, "long_factor", half, beyond, e));
    for (int64_t i = 0; i < half; i++) {
        r->freq[i] = 1 / (r->freq[i] * power(r, i));
        beyond[i] = 1 / (beyond[i] * power(r, i));
    }
    r->table->long_freq = beyond;
    r->table->trained = r->trained;
    const double trained = (double)r->trained,
                 s = r->has_factor ? r->factor : (double)r->defaults->max_position / trained;
    VQ_TRY(vq_config_number(&r->rope, "attention_factor", 0, &given, e));
    r->table->scale = (float)(given > 0 ? given : s <= 1 ? 1 : sqrt(1 + log(s) / log(trained)));
    return VQ_OK;
}

static const struct rope_type {
    const char *name;
    vq_status (*make)(reading *r, vq_err *e);
} types[] = {{"default", make_default}, {"linear", make_linear}, {"dynamic", make_dynamic},
             {"llama3", make_llama3},   {"yarn", make_yarn},     {"longrope", make_longrope},
             {"mrope", make_default}}; /* of text alone */

static vq_status make_table(reading *r, vq_err *e)
{
    const char *type = "default";
    VQ_TRY(vq_config_text(&r->rope, "type", type, &type, e)); /* before transformers 4.43 */
    VQ_TRY(vq_config_text(&r->rope, "rope_type", type, &type, e));
    if (r->defaults->longrope_names && (strcmp(type, "su") == 0 || strcmp(type, "yarn") == 0))
        type = "longrope";
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, type) == 0) return types[i].make(r, e);
    return vq_config_unsupported(r->config, e,
                                 "rope type %s is not supported; default, linear, dynamic, llama3, "
                                 "yarn and longrope are",
                                 type);
}

/* rope_scaling outranks rope_parameters where both are given. */
static vq_status find_object(reading *r, vq_err *e)
{
    const vq_rope_defaults *d = r->defaults;
    vq_config scaling, parameters, by_kind;
    VQ_TRY(vq_config_inside(r->config, "rope_scaling", &scaling, e));
    VQ_TRY(vq_config_inside(r->config, "rope_parameters", &parameters, e));
    r->rope = json_object_size(scaling.root) > 0 ? scaling : parameters;
    const bool kinds = vq_config_has(&parameters, "full_attention") ||
                       vq_config_has(&parameters, "sliding_attention");
    if (!d->layer_kind && kinds)
        return vq_config_unsupported(
            r->config, e, "rope parameters that differ between layers are not supported");
    if (!d->layer_kind) return VQ_OK;
    VQ_TRY(vq_config_inside(&parameters, d->layer_kind, &by_kind, e));
    r->rope = kinds ? by_kind : scaling;
    if (!kinds && d->unscaled) r->rope.root = NULL;
    return VQ_OK;
}

static vq_status read_sizes(reading *r, vq_err *e)
{
    const vq_rope_defaults *d = r->defaults;
    double part = 1;
    r->theta = d->theta;
    VQ_TRY(vq_config_number(r->config, d->theta_key ? d->theta_key : "rope_theta", r->theta,
                            &r->theta, e));
    VQ_TRY(vq_config_number(&r->rope, "rope_theta", r->theta, &r->theta, e));
    VQ_TRY(vq_config_number(r->config, "partial_rotary_factor", part, &part, e));
    VQ_TRY(vq_config_number(&r->rope, "partial_rotary_factor", part, &part, e));
    if (part > 1 || (part < 1 && !d->partial))
        return vq_config_unsupported(r->config, e,
                                     "partial_rotary_factor %g is not supported; 1 is", part);
    r->dim = (int64_t)((double)d->head_dim * part);
    r->trained = d->trained ? d->trained : d->max_position;
    VQ_TRY(
        vq_config_size(&r->rope, "original_max_position_embeddings", r->trained, &r->trained, e));
    VQ_TRY(vq_config_size(r->config, "original_max_position_embeddings",
                          d->trained ? d->trained : r->trained, &r->trained, e));
    r->has_factor = vq_config_get(&r->rope, "factor") != NULL;
    VQ_TRY(vq_config_number(&r->rope, "factor", 1, &r->factor, e));
    return vq_config_number(&r->rope, "mscale_all_dim", 0, &r->all_dim, e);
}

vq_status vq_rope_read(vq_config *c, const vq_rope_defaults *d, const vq_rope_table **out,
                       double *mscale, vq_arena *a, vq_err *e)
{
    reading r = {.config = c, .defaults = d};
    VQ_TRY(find_object(&r, e));
    VQ_TRY(read_sizes(&r, e));
    if (r.dim < 2 || r.dim % 2)
        return vq_fail(e, VQ_E_INPUT, "head_dim is %lld; rotary positions need an even one",
                       (long long)r.dim);
    r.table = VQ_NEW(a, vq_rope_table, 1, "rope frequencies", e);
    r.freq = r.table ? VQ_ALLOC(a, float, r.dim, "rope frequencies", e) : NULL;
    if (!r.freq) return e->status;
    *r.table = (vq_rope_table){.half = r.dim / 2, .inv_freq = r.freq, .scale = 1};
    VQ_TRY(make_table(&r, e));
    const bool stretched = r.all_dim > 0 && r.factor > 1;
    if (mscale) *mscale = stretched ? yarn_scale(r.factor, r.all_dim) : 1;
    *out = r.table;
    return VQ_OK;
}
