/* rope_frequencies.c -- angular step of each pair of channels per position, with the scalings that
 * stretch a trained context. */
#include <math.h>

#include "model/arch/decoder.h"

enum { ROPE_DEFAULT, ROPE_LINEAR, ROPE_LLAMA3 };

/* Long wavelengths are slowed by the factor, short ones kept, those between blended. */
static float llama3_frequency(const vq_arch_config *c, float freq)
{
    const double turn = 2 * acos(-1.0);
    const float factor = (float)c->rope_factor, low = (float)c->rope_low_freq_factor,
                high = (float)c->rope_high_freq_factor;
    const float trained = (float)c->rope_original_max, wavelength = (float)turn / freq;
    if (wavelength > trained / low) return freq / factor;
    if (wavelength < trained / high) return freq;
    const float smooth = (trained / wavelength - low) / (high - low);
    return (1 - smooth) * freq / factor + smooth * freq;
}

void vq_rope_frequencies(const vq_arch_config *c, float *inv_freq)
{
    for (int64_t i = 0; i < c->head_dim / 2; i++) {
        const float exponent = (float)(2 * i) / (float)c->head_dim;
        float freq = 1 / powf((float)c->rope_theta, exponent);
        if (c->rope_type == ROPE_LINEAR) freq /= (float)c->rope_factor;
        if (c->rope_type == ROPE_LLAMA3) freq = llama3_frequency(c, freq);
        inv_freq[i] = freq;
    }
}
