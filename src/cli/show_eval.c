/* show_eval.c -- the figures of a model on a text as fields, of several as a table. */
#include "cli/show_eval.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "cli/show.h"

/* One window has no spread: then nothing stands behind the figure. */
static const char *spread(char *buf, size_t len, double error, int digits)
{
    if (isnan(error)) return "";
    (void)snprintf(buf, len, " +- %.*f", digits, error);
    return buf;
}

/* The error of a perplexity: exp is steep, so the loss's standard error times the perplexity. */
static void show_perplexity(FILE *out, const char *name, const json_t *r)
{
    const double ppl = vq_result_real(r, "perplexity"), error = vq_result_real(r, "nll_stderr");
    char a[32], b[32];
    vq_show_field(out, name, "%.4f%s   (loss %.5f%s)", ppl, spread(a, sizeof a, ppl * error, 4),
                  vq_result_real(r, "nll"), spread(b, sizeof b, error, 5));
}

static void show_pair(FILE *out, const json_t *r)
{
    const double delta = vq_result_real(r, "delta_nll");
    char a[32], b[32];
    vq_show_field(out, "loss difference", "%+.5f%s   (perplexity %+.2f %%)", delta,
                  spread(a, sizeof a, vq_result_real(r, "delta_nll_stderr"), 5),
                  100 * expm1(delta));
    vq_show_field(out, "KL divergence", "%.5f%s", vq_result_real(r, "kl"),
                  spread(b, sizeof b, vq_result_real(r, "kl_stderr"), 5));
    vq_show_field(out, "same top token", "%.2f %%", 100 * vq_result_real(r, "top1_agreement"));
}

static void show_one(FILE *out, const char *model, const char *reference, const json_t *r)
{
    const json_t *ref = json_object_get(r, "ref");
    char clean[512];
    vq_show_field(out, "model", "%s", vq_show_clean(model, clean, sizeof clean));
    show_perplexity(out, "perplexity", r);
    if (!json_is_object(ref)) return;
    vq_show_field(out, "reference", "%s", vq_show_clean(reference, clean, sizeof clean));
    show_perplexity(out, "its perplexity", ref);
    show_pair(out, r);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* The last part of a path, where no other of the list [{key: path}] has the same. */
static const char *short_name(const json_t *list, const char *key, const char *path)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *other = vq_result_text(json_array_get(list, i), key);
        if (strcmp(other, path) != 0 && strcmp(last_part(other), last_part(path)) == 0) return path;
    }
    return last_part(path);
}

static void put_cell(json_t *row, const char *key, const char *text)
{
    (void)json_object_set_new(row, key, json_string(text));
}

static void put_pair(json_t *row, const json_t *figures)
{
    char buf[64], error[32];
    (void)snprintf(buf, sizeof buf, "%+.5f", vq_result_real(figures, "delta_nll"));
    put_cell(row, "delta", buf);
    (void)snprintf(buf, sizeof buf, "%.5f%s", vq_result_real(figures, "kl"),
                   spread(error, sizeof error, vq_result_real(figures, "kl_stderr"), 5));
    put_cell(row, "kl", buf);
    (void)snprintf(buf, sizeof buf, "%.2f %%", 100 * vq_result_real(figures, "top1_agreement"));
    put_cell(row, "top1", buf);
}

/* A row for each text; reference: of what it says of the reference. */
static void add_rows(json_t *rows, const char *model, const json_t *texts, bool reference)
{
    char buf[64];
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const json_t *text = json_array_get(texts, i);
        const json_t *figures = reference ? json_object_get(text, "ref") : text;
        const double ppl = vq_result_real(figures, "perplexity");
        const double error = ppl * vq_result_real(figures, "nll_stderr");
        json_t *row = json_object();
        put_cell(row, "model", model);
        put_cell(row, "text", short_name(texts, "data", vq_result_text(text, "data")));
        (void)snprintf(buf, sizeof buf, isnan(error) ? "%.4f" : "%.4f +- %.4f", ppl, error);
        put_cell(row, "perplexity", buf);
        if (json_object_get(figures, "kl")) put_pair(row, figures);
        (void)json_array_append_new(rows, row);
    }
}

/* models: [{"model","texts"}]; ref NULL: no reference. Where there is a column for it, the reference
 * has rows too. */
static void show_figures(FILE *out, const json_t *models, const char *ref)
{
    static const vq_column all[] = {{"model", "model", VQ_CELL_TEXT, 0},
                                    {"text", "text", VQ_CELL_TEXT, 0},
                                    {"perplexity", "perplexity", VQ_CELL_COUNT, 0},
                                    {"delta", "loss diff.", VQ_CELL_COUNT, 0},
                                    {"kl", "KL divergence", VQ_CELL_COUNT, 0},
                                    {"top1", "same top", VQ_CELL_COUNT, 0}};
    const json_t *texts = json_object_get(json_array_get(models, 0), "texts");
    const bool many = json_array_size(models) > 1;
    json_t *rows = json_array();
    vq_column columns[6];
    int n = 0;
    if (ref && many) add_rows(rows, last_part(ref), texts, true);
    for (size_t i = 0; i < json_array_size(models); i++) {
        const json_t *model = json_array_get(models, i);
        add_rows(rows, short_name(models, "model", vq_result_text(model, "model")),
                 json_object_get(model, "texts"), false);
    }
    for (int i = 0; i < (ref ? 6 : 3); i++)
        if ((i != 0 || many) && (i != 1 || json_array_size(texts) > 1)) columns[n++] = all[i];
    vq_show_table(out, rows, columns, n);
    json_decref(rows);
}

static void show_worst(FILE *out, const json_t *models, const json_t *model)
{
    const json_t *worst = json_object_get(model, "worst");
    const char *name = json_array_size(models) > 1
                           ? short_name(models, "model", vq_result_text(model, "model"))
                           : "";
    char clean[512], text[512], error[32];
    if (!worst) return;
    vq_show_field(out, "worst", "%s%s%s, KL %.5f%s", vq_show_clean(name, clean, sizeof clean),
                  *name ? ": " : "",
                  vq_show_clean(short_name(json_object_get(model, "texts"), "data",
                                           vq_result_text(worst, "data")),
                                text, sizeof text),
                  vq_result_real(worst, "kl"),
                  spread(error, sizeof error, vq_result_real(worst, "kl_stderr"), 5));
}

/* The models of a result, a list of one where it has only texts: a new reference. */
static json_t *models_of(const json_t *r)
{
    json_t *models = json_object_get(r, "models"), *one = NULL;
    if (models) return json_incref(models);
    models = json_array();
    one = json_object();
    (void)json_object_set(one, "texts", json_object_get(r, "texts"));
    if (json_object_get(r, "worst"))
        (void)json_object_set(one, "worst", json_object_get(r, "worst"));
    (void)json_array_append_new(models, one);
    return models;
}

static void show_many(FILE *out, const char *model, const char *ref, const json_t *r)
{
    json_t *models = models_of(r);
    const size_t n = json_array_size(models);
    char clean[512];
    if (n == 1) vq_show_field(out, "model", "%s", vq_show_clean(model, clean, sizeof clean));
    if (n == 1 && ref)
        vq_show_field(out, "reference", "%s", vq_show_clean(ref, clean, sizeof clean));
    if (n == 1) fputc('\n', out);
    show_figures(out, models, ref);
    fputc('\n', out);
    for (size_t i = 0; i < n; i++) show_worst(out, models, json_array_get(models, i));
    json_decref(models);
}

/* What was predicted, of texts [{"tokens","windows"}]; texts NULL: of the one that r tells of. */
static void show_work(FILE *out, const json_t *texts, const json_t *r)
{
    const double seconds = vq_result_real(r, "seconds");
    long long tokens = vq_result_int(r, "tokens"), windows = vq_result_int(r, "windows");
    for (size_t i = 0; i < json_array_size(texts); i++) {
        tokens += vq_result_int(json_array_get(texts, i), "tokens");
        windows += vq_result_int(json_array_get(texts, i), "windows");
    }
    vq_show_field(out, "predicted", "%lld token%s in %lld window%s of %lld", tokens,
                  tokens == 1 ? "" : "s", windows, windows == 1 ? "" : "s",
                  (long long)vq_result_int(r, "window"));
    if (seconds > 0)
        vq_show_field(out, "took", "%.1f s, %.0f tokens/s", seconds,
                      vq_result_real(r, "tokens_per_second"));
}

void vq_show_eval(FILE *out, const char *model, const char *ref, const json_t *r)
{
    const json_t *models = json_object_get(r, "models");
    const json_t *texts = json_object_get(models ? json_array_get(models, 0) : r, "texts");
    if (texts)
        show_many(out, model, ref, r);
    else
        show_one(out, model, ref, r);
    show_work(out, texts, r);
}
