/* scheme_id.c -- the preset name of a scheme that was read from a file, so that reports speak of
 * nvfp4 and int4-g128. */
#include <stdio.h>
#include <string.h>

#include "formats/layouts/layout.h"

static bool is_float_scale(vq_scale_type t)
{
    return t <= VQ_SCALE_BF16;
}

/* Equal in what is stored: how a range was observed, and which float type holds the scales, does
 * not change the name. */
static bool stored_alike(const vq_num *a, const vq_num *b)
{
    const bool group = a->group.kind == b->group.kind &&
                       (a->group.kind != VQ_PER_BLOCK ||
                        (a->group.rows == b->group.rows && a->group.cols == b->group.cols));
    const bool scale =
        a->scale == b->scale || (is_float_scale(a->scale) && is_float_scale(b->scale));
    return vq_grid_equal(&a->grid, &b->grid) && group && scale &&
           a->global_scale == b->global_scale && a->zero == b->zero && a->when == b->when;
}

static bool alike(const vq_scheme *a, const vq_scheme *b)
{
    return a->has_act == b->has_act && stored_alike(&a->weight, &b->weight) &&
           (!a->has_act || stored_alike(&a->act, &b->act));
}

/* The family names that vq_scheme_find makes. */
static const char *family_name(const vq_num *n, char *buf, size_t len)
{
    const char *asym = n->zero != VQ_ZERO_NONE ? "-asym" : "";
    if (n->grid.bfp)
        (void)snprintf(buf, len, "bfp%d-%d", n->grid.bits + 8, (int)n->group.cols);
    else if (n->group.kind == VQ_PER_CHANNEL)
        (void)snprintf(buf, len, "int%d-chan%s", n->grid.bits, asym);
    else
        (void)snprintf(buf, len, "int%d-g%d%s", n->grid.bits, (int)n->group.cols, asym);
    return buf;
}

void vq_scheme_recognize(vq_scheme *s, const char *otherwise)
{
    char name[32];
    vq_scheme made;
    (void)snprintf(s->id, sizeof s->id, "%s", otherwise);
    for (int i = 0; vq_scheme_at(i); i++) {
        if (!alike(vq_scheme_at(i), s)) continue;
        memcpy(s->id, vq_scheme_at(i)->id, sizeof s->id);
        return;
    }
    const vq_scheme *family = vq_scheme_find(family_name(&s->weight, name, sizeof name), &made);
    if (family && alike(family, s)) memcpy(s->id, family->id, sizeof s->id);
}
