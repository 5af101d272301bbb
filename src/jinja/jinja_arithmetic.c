/* jinja_arithmetic.c -- + - * / // % ** on the values of a chat template, as Python computes them. */
#include <math.h>

#include "jinja/jinja.h"

static vq_status overflow(vq_jrun *x)
{
    return vq_jfail(x, "a whole number beyond 64 bits");
}

/* Rounds towards minus infinity; the remainder has the sign of b. */
static vq_status divide(vq_jrun *x, vq_jop op, int64_t a, int64_t b, vq_jvalue *out)
{
    if (b == 0) return vq_jfail(x, "a division by zero");
    if (op == VQ_J_DIV) {
        *out = (vq_jvalue){.kind = VQ_J_REAL, .r = (double)a / (double)b};
        return VQ_OK;
    }
    if (b == -1) {
        if (op == VQ_J_FLOOR && a == INT64_MIN) return overflow(x);
        *out = vq_jint(op == VQ_J_FLOOR ? -a : 0);
        return VQ_OK;
    }
    const int64_t rest = a % b;
    const bool down = rest != 0 && (rest < 0) != (b < 0);
    *out = vq_jint(op == VQ_J_FLOOR ? a / b - down : rest + (down ? b : 0));
    return VQ_OK;
}

/* A negative power is a real number. */
static vq_status power(vq_jrun *x, int64_t a, int64_t b, vq_jvalue *out)
{
    int64_t r = 1;
    if (b < 0 && a == 0) return vq_jfail(x, "a division by zero");
    if (b < 0) {
        *out = (vq_jvalue){.kind = VQ_J_REAL, .r = pow((double)a, (double)b)};
        return VQ_OK;
    }
    if (a == 0 || a == 1 || a == -1) b = b > 2 ? 2 + b % 2 : b;
    for (; b > 0; b--) /* at most 63 times: it overflows then */
        if (__builtin_mul_overflow(r, a, &r)) return overflow(x);
    *out = vq_jint(r);
    return VQ_OK;
}

static vq_status integers(vq_jrun *x, vq_jop op, int64_t a, int64_t b, vq_jvalue *out)
{
    int64_t r = 0;
    bool over = false;
    if (op == VQ_J_DIV || op == VQ_J_FLOOR || op == VQ_J_MOD) return divide(x, op, a, b, out);
    if (op == VQ_J_POW) return power(x, a, b, out);
    if (op == VQ_J_ADD) over = __builtin_add_overflow(a, b, &r);
    if (op == VQ_J_SUB) over = __builtin_sub_overflow(a, b, &r);
    if (op == VQ_J_MUL) over = __builtin_mul_overflow(a, b, &r);
    *out = vq_jint(r);
    return over ? overflow(x) : VQ_OK;
}

static vq_status reals(vq_jrun *x, vq_jop op, double a, double b, vq_jvalue *out)
{
    if (b == 0 && (op == VQ_J_DIV || op == VQ_J_FLOOR || op == VQ_J_MOD))
        return vq_jfail(x, "a division by zero");
    const double rest = op == VQ_J_MOD ? fmod(a, b) : 0;
    const double r = op == VQ_J_ADD     ? a + b
                     : op == VQ_J_SUB   ? a - b
                     : op == VQ_J_MUL   ? a * b
                     : op == VQ_J_DIV   ? a / b
                     : op == VQ_J_POW   ? pow(a, b)
                     : op == VQ_J_FLOOR ? floor(a / b)
                                        : rest + (rest != 0 && (rest < 0) != (b < 0) ? b : 0);
    *out = (vq_jvalue){.kind = VQ_J_REAL, .r = r};
    return isfinite(r) ? VQ_OK : vq_jfail(x, "a number that is not finite");
}

static vq_status join_lists(vq_jrun *x, const vq_jvalue *a, const vq_jvalue *b, vq_jvalue *out)
{
    vq_jvalue *at = vq_jalloc(x, a->list.n + b->list.n, sizeof *at);
    if (!at) return x->e->status;
    for (size_t i = 0; i < a->list.n; i++) at[i] = a->list.at[i];
    for (size_t i = 0; i < b->list.n; i++) at[a->list.n + i] = b->list.at[i];
    VQ_TRY(vq_jlist(x, at, a->list.n + b->list.n, VQ_J_LIST, out));
    out->tuple = a->tuple;
    return VQ_OK;
}

static vq_status repeat(vq_jrun *x, const vq_jvalue *text, int64_t times, vq_jvalue *out)
{
    vq_jbuffer b = {0};
    for (int64_t i = 0; i < times && text->text.n; i++)
        VQ_TRY(vq_jput(x, &b, text->text.s, text->text.n));
    *out = vq_jtext(b.s, b.n);
    return VQ_OK;
}

static vq_status repeat_list(vq_jrun *x, const vq_jvalue *v, int64_t times, vq_jvalue *out)
{
    const size_t n = v->list.n;
    vq_jvalue *at = NULL;
    size_t k = 0;
    if (times > VQ_J_WORK || v->lazy) return vq_jfail(x, "a list is repeated too often");
    if (times > 0 && n) {
        if (!(at = vq_jalloc(x, (size_t)times, n * sizeof *at))) return x->e->status;
        for (; k < n * (size_t)times; k++) at[k] = v->list.at[k % n];
    }
    VQ_TRY(vq_jlist(x, at, k, VQ_J_LIST, out));
    out->tuple = v->tuple;
    return VQ_OK;
}

static bool whole(const vq_jvalue *v)
{
    return v->kind == VQ_J_INT || v->kind == VQ_J_BOOL;
}

static double real(const vq_jvalue *v)
{
    return v->kind == VQ_J_REAL ? v->r : (double)v->i;
}

static const char *verb(vq_jop op)
{
    return op == VQ_J_ADD     ? "+"
           : op == VQ_J_SUB   ? "-"
           : op == VQ_J_MUL   ? "*"
           : op == VQ_J_DIV   ? "/"
           : op == VQ_J_FLOOR ? "//"
           : op == VQ_J_POW   ? "**"
                              : "%";
}

vq_status vq_jarithmetic(vq_jrun *x, vq_jop op, const vq_jvalue *a, const vq_jvalue *b,
                         vq_jvalue *out)
{
    const bool texts = a->kind == VQ_J_STRING && b->kind == VQ_J_STRING, add = op == VQ_J_ADD;
    if (whole(a) && whole(b)) return integers(x, op, a->i, b->i, out);
    if ((whole(a) || a->kind == VQ_J_REAL) && (whole(b) || b->kind == VQ_J_REAL))
        return reals(x, op, real(a), real(b), out);
    if (add && a->kind == VQ_J_LIST && b->kind == VQ_J_LIST && a->tuple == b->tuple && !a->lazy &&
        !b->lazy)
        return join_lists(x, a, b, out);
    if (op == VQ_J_MUL && a->kind == VQ_J_STRING && whole(b)) return repeat(x, a, b->i, out);
    if (op == VQ_J_MUL && b->kind == VQ_J_STRING && whole(a)) return repeat(x, b, a->i, out);
    if (op == VQ_J_MUL && a->kind == VQ_J_LIST && whole(b)) return repeat_list(x, a, b->i, out);
    if (op == VQ_J_MUL && b->kind == VQ_J_LIST && whole(a)) return repeat_list(x, b, a->i, out);
    if (op == VQ_J_MOD && a->kind == VQ_J_STRING) return vq_jpercent(x, a, b, out);
    if (!add || !texts) return vq_jfail(x, "%s %s %s", vq_jname(a), verb(op), vq_jname(b));
    vq_jbuffer both = {0};
    VQ_TRY(vq_jput(x, &both, a->text.s, a->text.n));
    VQ_TRY(vq_jput(x, &both, b->text.s, b->text.n));
    *out = vq_jtext(both.s, both.n);
    return VQ_OK;
}
