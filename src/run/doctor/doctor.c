/* doctor.c -- a self-test of what results rest on: known answers, and every level of kernels
 * against the definitions. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "run/doctor/machine.h"
#include "run/run.h"

enum { ROWS = 32, COLUMNS = 512, CHECKS = 4, WHY = 1200 };

typedef struct world {
    vq_arena *a;
    float *w; /* [ROWS][COLUMNS] made up, some of it large */
    char why[WHY];
} world;

static vq_status make_weights(world *t, vq_err *e)
{
    t->w = VQ_ALLOC(t->a, float, ROWS *COLUMNS, "weights of the self-test", e);
    if (!t->w) return e->status;
    for (uint64_t i = 0; i < ROWS * COLUMNS; i++)
        t->w[i] = (float)(vq_rng_unit(1, i) - 0.5) * (i % 37 ? 0.1F : 2.0F);
    return VQ_OK;
}

/* FIPS 180-2, appendix B.1. */
static bool check_hash(world *t, vq_err *e)
{
    static const char want[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    char got[VQ_SHA256_TEXT];
    (void)e;
    vq_sha256_of("abc", 3, got);
    if (strcmp(got, want) == 0) return true;
    (void)snprintf(t->why, WHY, "SHA-256 of abc is %s, not %s", got, want);
    return false;
}

/* OCP Microscaling Formats 1.0, table 5: all values of E2M1; E4M3's largest. */
static bool check_formats(world *t, vq_err *e)
{
    static const float values[] = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
    vq_grid e2m1, e4m3;
    (void)e;
    const bool known = vq_grid_parse("e2m1", &e2m1) && vq_grid_parse("e4m3", &e4m3);
    for (uint32_t c = 0; known && c < 16; c++) {
        const float want = c < 8 ? values[c] : -values[c - 8], got = vq_decode(&e2m1, c);
        if (got == want && vq_encode(&e2m1, copysignf(want, c < 8 ? 1 : -1)) == c) continue;
        (void)snprintf(t->why, WHY, "E2M1 code %u is %g, not %g", c, (double)got, (double)want);
        return false;
    }
    if (known && vq_decode(&e4m3, 0x7E) == 448) return true;
    (void)snprintf(t->why, WHY, "E4M3 code 7E is not 448");
    return false;
}

static bool same_rows(const vq_qtensor *a, const vq_qtensor *b, const float *x, const float *y)
{
    const size_t n = (size_t)(a->rows * a->cols);
    return memcmp(a->scale, b->scale, (size_t)a->groups * sizeof *a->scale) == 0 &&
           memcmp(a->codes, b->codes, n) == 0 && memcmp(x, y, n * sizeof *x) == 0;
}

/* One preset at one level: quantized and decoded as the definition does it, bit for bit. */
static vq_status compare_level(world *t, const vq_num *num, const vq_kernels *kr, bool *same,
                               vq_err *e)
{
    const size_t n = (size_t)ROWS * COLUMNS;
    vq_qtensor want, got;
    float *x = VQ_ALLOC(t->a, float, n, "decoded weights", e),
          *y = VQ_ALLOC(t->a, float, n, "decoded weights", e);
    if (!x || !y) return e->status;
    const vq_global_scale g = vq_global_scale_from_amax(num, kr->absmax(t->w, n), VQ_F32);
    VQ_TRY(vq_qtensor_new(&want, num, ROWS, COLUMNS, t->a, e));
    VQ_TRY(vq_qtensor_new(&got, num, ROWS, COLUMNS, t->a, e));
    *same = true;
    if (!want.codes || !got.codes) return VQ_OK; /* of more than 8 bits: there is one way */
    VQ_TRY(vq_quantize_ref(&want, t->w, g, VQ_F32, e));
    VQ_TRY(vq_quantize_rows(kr, &got, t->w, g, VQ_F32, NULL, NULL, e));
    vq_dequantize_ref(&want, 0, ROWS, x);
    vq_decode_rows(kr, &got, y, COLUMNS);
    *same = same_rows(&want, &got, x, y);
    return VQ_OK;
}

static bool compare_schemes(world *t, const vq_kernels *kr, vq_err *e)
{
    const vq_scheme *s;
    for (int i = 0; (s = vq_scheme_at(i)); i++) {
        bool same = true;
        const vq_arena_mark mark = vq_arena_here(t->a);
        const vq_status status = s->has_weight ? compare_level(t, &s->weight, kr, &same, e) : VQ_OK;
        vq_arena_rewind(t->a, mark);
        if (status == VQ_OK && same) continue;
        (void)snprintf(t->why, WHY, "kernels %s, %s: %s", kr->isa, s->id,
                       status == VQ_OK ? "other codes or values than the reference" : e->text);
        return false;
    }
    return true;
}

static bool check_kernels(world *t, vq_err *e)
{
    static const char *const levels[] = {"ref", "avx2", "avx512", "amx"};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        vq_kernels kr;
        vq_err absent;
        if (vq_kernels_select(&kr, levels[i], false, &absent) != VQ_OK) continue;
        if (!compare_schemes(t, &kr, e)) return false;
    }
    return true;
}

/* C = A B^T of BLAS and of the strict loops against sums in f64. */
static bool check_products(world *t, vq_err *e)
{
    float c[ROWS * ROWS];
    for (int strict = 0; strict < 2; strict++) {
        vq_kernels kr;
        if (vq_kernels_select(&kr, NULL, strict != 0, e) != VQ_OK) return false;
        vq_gemm_nt(&kr, ROWS, ROWS, COLUMNS, t->w, COLUMNS, t->w, COLUMNS, c, ROWS);
        for (int i = 0; i < ROWS * ROWS; i++) {
            const float *x = t->w + i / ROWS * COLUMNS, *y = t->w + i % ROWS * COLUMNS;
            double sum = 0, size = 0;
            for (int k = 0; k < COLUMNS; k++) {
                sum += (double)x[k] * (double)y[k];
                size += fabs((double)x[k] * (double)y[k]);
            }
            if (fabs((double)c[i] - sum) <= 1e-5 * size) continue;
            (void)snprintf(t->why, WHY, "%s: element %d is %g, not %g",
                           strict ? "strict loops" : "OpenBLAS", i, (double)c[i], sum);
            return false;
        }
    }
    return true;
}

static vq_status check_all(world *t, vq_doctor_result *r, vq_arena *out, vq_err *e)
{
    static const struct {
        const char *name;
        bool (*check)(world *t, vq_err *e);
    } table[CHECKS] = {{"hashes", check_hash},
                       {"number formats", check_formats},
                       {"kernels", check_kernels},
                       {"matrix products", check_products}};
    vq_doctor_check *checks = VQ_ALLOC(out, vq_doctor_check, CHECKS, "checks", e);
    if (!checks) return e->status;
    for (int i = 0; i < CHECKS; i++) {
        t->why[0] = 0;
        const bool ok = table[i].check(t, e);
        if (!ok && e->status == VQ_E_LIMIT) return VQ_E_LIMIT; /* says nothing of the machine */
        checks[i] = (vq_doctor_check){.name = table[i].name, .ok = ok};
        checks[i].why = ok ? NULL : vq_arena_text(out, e, "%s", *t->why ? t->why : e->text);
        if (!ok && !checks[i].why) return e->status;
        r->failed += !ok;
    }
    r->checks = checks;
    r->nchecks = CHECKS;
    return VQ_OK;
}

vq_status vq_run_doctor(vq_job *job, vq_doctor_result *r, vq_arena *a, vq_err *e)
{
    vq_arena scratch;
    world t = {.a = &scratch};
    const double begun = vq_seconds();
    VQ_TRY(vq_kernels_room(1, e));
    VQ_TRY(vq_machine_tell(job, r, a, e));
    vq_arena_init(&scratch, &job->budget);
    vq_status s = make_weights(&t, e);
    if (s == VQ_OK) s = check_all(&t, r, a, e);
    r->seconds = vq_seconds() - begun;
    vq_arena_done(&scratch);
    return s;
}
