/* num_group.c -- what a whole number format says about a matrix: groups, stored bits, one line of
 * text, equality. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num/num.h"

void vq_group_size(const vq_num *n, int64_t rows, int64_t cols, int64_t *group_rows,
                   int64_t *group_cols)
{
    *group_rows = n->group.kind == VQ_PER_TENSOR  ? rows
                  : n->group.kind == VQ_PER_BLOCK ? n->group.rows
                                                  : 1;
    *group_cols = n->group.kind == VQ_PER_BLOCK ? n->group.cols : cols;
    if (*group_rows < 1) *group_rows = 1;
    if (*group_cols < 1) *group_cols = 1;
}

/* "16, 32, 96": the divisors of cols that make sensible blocks. */
static const char *list_divisors(int64_t cols, char *buf, size_t len)
{
    size_t at = 0;
    buf[0] = 0;
    for (int64_t d = 8; d <= cols && d <= 1024 && at + 8 < len; d++) {
        if (cols % d) continue;
        const int n = snprintf(buf + at, len - at, "%s%lld", at ? ", " : "", (long long)d);
        at += n > 0 ? (size_t)n : 0;
    }
    return at ? buf : "none from 8 to 1024";
}

vq_status vq_group_count(const vq_num *n, int64_t rows, int64_t cols, int64_t *per_row,
                         int64_t *count, vq_err *e)
{
    int64_t gr, gc;
    vq_group_size(n, rows, cols, &gr, &gc);
    if (n->group.kind == VQ_PER_BLOCK && gr == 1 && cols % gc) {
        char buf[96];
        return vq_fail(
            e, VQ_E_RECIPE,
            "blocks of %lld do not divide the %lld input channels; block sizes that do: %s",
            (long long)gc, (long long)cols, list_divisors(cols, buf, sizeof buf));
    }
    *per_row = cols / gc + (cols % gc != 0);
    if (__builtin_mul_overflow(rows / gr + (rows % gr != 0), *per_row, count))
        return vq_fail(e, VQ_E_INPUT, "a matrix of %lld x %lld has too many groups",
                       (long long)rows, (long long)cols);
    return VQ_OK;
}

/* Do the elements mean something else when all of them change sign? */
static bool is_lopsided(const vq_grid *g)
{
    const uint32_t last = (1U << g->bits) - 1;
    if (g->kind == VQ_GRID_INT) return g->is_signed && !g->bfp;
    for (uint32_t c = 0; g->kind == VQ_GRID_TABLE && c <= last; c++)
        if (g->table[c] != -g->table[last - c]) return true;
    return false;
}

bool vq_num_takes_negative(const vq_num *n)
{
    return is_lopsided(&n->grid) && n->range == VQ_RANGE_FULL && n->zero == VQ_ZERO_NONE &&
           n->scale <= VQ_SCALE_E4M3 && n->compat == VQ_COMPAT_NONE;
}

static int scale_bits(vq_scale_type t)
{
    return t == VQ_SCALE_F32 ? 32 : t == VQ_SCALE_F16 || t == VQ_SCALE_BF16 ? 16 : 8;
}

double vq_num_bits(const vq_num *n, int64_t rows, int64_t cols)
{
    if (rows < 1 || cols < 1) return n->grid.bits;
    int64_t gr, gc;
    vq_group_size(n, rows, cols, &gr, &gc);
    const double groups = ceil((double)rows / (double)gr) * ceil((double)cols / (double)gc);
    const double per_group = scale_bits(n->scale) + (n->zero == VQ_ZERO_INT ? n->grid.bits : 0);
    return n->grid.bits +
           (groups * per_group + (n->global_scale ? 32 : 0)) / ((double)rows * (double)cols);
}

static const char *const scale_names[] = {"f32", "f16", "bf16", "e4m3", "ue5m3", "e8m0"};
static const char *const group_names[] = {"tensor", "channel", "token"};
static const char *const rule_texts[] = {"", " rule bump", " rule ceil", " rule four-thirds"};
static const char *const observer_texts[] = {"", " observer minmax"};
static const char *const compat_texts[] = {"", " compat compressed-tensors", " compat modelopt"};

static void group_text(const vq_group_shape *g, char *buf, size_t len)
{
    if (g->kind != VQ_PER_BLOCK)
        (void)snprintf(buf, len, "%s", group_names[g->kind]);
    else if (g->rows <= 1)
        (void)snprintf(buf, len, "block:%d", g->cols);
    else
        (void)snprintf(buf, len, "block:%dx%d", g->rows, g->cols);
}

const char *vq_num_text(const vq_num *n, char *buf, size_t len)
{
    char grid[16], group[40], observer[48];
    group_text(&n->group, group, sizeof group);
    if (n->observer == VQ_OBS_PERCENTILE)
        (void)snprintf(observer, sizeof observer, " observer percentile:%g", n->percentile);
    else
        (void)snprintf(observer, sizeof observer, "%s", observer_texts[n->observer]);
    (void)snprintf(buf, len, "%s %s scale %s%s%s%s%s%s%s%s", vq_grid_name(&n->grid, grid), group,
                   scale_names[n->scale], n->global_scale ? " global_scale f32" : "",
                   n->zero == VQ_ZERO_INT ? " zero int" : "",
                   n->when == VQ_DYNAMIC ? " dynamic" : "", observer,
                   n->scale == VQ_SCALE_E8M0 ? rule_texts[n->rule] : "",
                   n->range == VQ_RANGE_NARROW ? " range narrow" : "", compat_texts[n->compat]);
    return buf;
}

static bool group_equal(const vq_group_shape *a, const vq_group_shape *b)
{
    return a->kind == b->kind &&
           (a->kind != VQ_PER_BLOCK || (a->rows == b->rows && a->cols == b->cols));
}

bool vq_num_equal(const vq_num *a, const vq_num *b)
{
    return vq_grid_equal(&a->grid, &b->grid) && group_equal(&a->group, &b->group) &&
           a->scale == b->scale && a->global_scale == b->global_scale && a->zero == b->zero &&
           a->when == b->when && a->observer == b->observer &&
           (a->observer != VQ_OBS_PERCENTILE || a->percentile == b->percentile) &&
           a->rule == b->rule && a->range == b->range && a->compat == b->compat;
}
