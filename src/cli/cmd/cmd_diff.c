/* cmd_diff.c -- vq diff A B: what two models or artifacts do not share. */
#include <string.h>

#include "cli/command.h"
#include "cli/show.h"
#include "cli/wrap.h"

static vq_status run_diff(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    const vq_args *a = s->args;
    vq_diff_result r;
    VQ_TRY(vq_run_diff(&s->job, a->operands[0], a->operands[1], &r, &s->arena, e));
    *answer = r.ntensors + r.nconfig + r.nfiles == 0;
    VQ_TRY(vq_report_diff(&r, result, e));
    if (!a->json) return VQ_OK;
    VQ_TRY(vq_output_input(&s->output, a->operands[0], true, &s->job.reporter, &s->arena, e));
    return vq_output_input(&s->output, a->operands[1], true, &s->job.reporter, &s->arena, e);
}

static bool same_text(const json_t *a, const json_t *b, const char *key)
{
    const json_t *x = json_object_get(a, key), *y = json_object_get(b, key);
    return x == y || json_equal(x, y);
}

/* What stands in A and in B, a line each. */
static void show_pair(FILE *out, const json_t *row)
{
    static const char *const keys[] = {"a", "b"};
    char clean[512];
    fputc('\n', out);
    for (int i = 0; i < 2; i++) {
        const char *text = json_string_value(json_object_get(row, keys[i]));
        const int taken = fprintf(out, "    %c  ", 'A' + i);
        vq_wrap_shown(out, taken, taken,
                      text ? vq_show_clean(text, clean, sizeof clean) : "not there");
    }
}

/* How tensors are stored here and there, and how many of each. */
static void show_ways(FILE *out, const json_t *tensors)
{
    json_t *ways = json_array(), *tensor;
    size_t i;
    json_array_foreach(tensors, i, tensor)
    {
        json_t *way = NULL;
        for (size_t w = 0; w < json_array_size(ways) && !way; w++)
            if (same_text(json_array_get(ways, w), tensor, "a") &&
                same_text(json_array_get(ways, w), tensor, "b"))
                way = json_array_get(ways, w);
        if (!way) {
            way = json_copy(tensor);
            json_object_set_new(way, "count", json_integer(0));
            json_array_append_new(ways, way);
        }
        json_object_set_new(way, "count", json_integer(vq_result_int(way, "count") + 1));
    }
    json_array_foreach(ways, i, tensor)
    {
        const long long count = (long long)vq_result_int(tensor, "count");
        fprintf(out, "  %lld tensor%s", count, count == 1 ? "" : "s");
        show_pair(out, tensor);
    }
    json_decref(ways);
    fputc('\n', out);
}

static void show_worst(FILE *out, const json_t *tensors, int64_t top)
{
    static const vq_column columns[] = {{"name", "worst tensors", VQ_CELL_TEXT, 0},
                                        {"error", "|A-B| / |A|", VQ_CELL_REAL, 6}};
    json_t *first = json_array();
    for (size_t i = 0; i < json_array_size(tensors) && (int64_t)i < top; i++)
        json_array_append(first, json_array_get(tensors, i));
    if (json_array_size(first)) vq_show_table(out, first, columns, 2);
    if (json_array_size(first)) fputc('\n', out);
    json_decref(first);
}

static void show_rows(FILE *out, const json_t *rows, const char *title)
{
    const json_t *row;
    size_t i;
    char clean[512];
    if (json_array_size(rows)) fprintf(out, "%s\n", title);
    json_array_foreach(rows, i, row)
    {
        fprintf(out, "  %s", vq_show_clean(vq_result_text(row, "name"), clean, sizeof clean));
        show_pair(out, row);
    }
    if (json_array_size(rows)) fputc('\n', out);
}

static void show_diff(FILE *out, const vq_session *s, const json_t *r)
{
    const json_t *tensors = json_object_get(r, "tensors");
    char a[512], b[512], size[32];
    vq_show_field(out, "A", "%s, weights of %s", vq_show_clean(s->args->operands[0], a, sizeof a),
                  vq_show_bytes(vq_result_real(r, "bytes_a"), size, sizeof size));
    vq_show_field(out, "B", "%s, weights of %s", vq_show_clean(s->args->operands[1], b, sizeof b),
                  vq_show_bytes(vq_result_real(r, "bytes_b"), size, sizeof size));
    vq_show_field(out, "tensors", "%zu differ, %lld are the same", json_array_size(tensors),
                  (long long)vq_result_int(r, "same"));
    fputc('\n', out);
    if (json_array_size(tensors)) show_ways(out, tensors);
    show_worst(out, tensors, s->args->top);
    show_rows(out, json_object_get(r, "config"), "config.json");
    show_rows(out, json_object_get(r, "files"), "files");
}

const vq_command vq_command_diff = {
    .name = "diff",
    .bit = VQ_CMD_DIFF,
    .operands_min = 2,
    .operands_max = 2,
    .usage = "A B [--top N]",
    .about = "what two models or artifacts do not share; exit code 1 where they differ",
    .operands = "  A B                         models or folders that vq wrote\n",
    .example = "vq diff model model.nvfp4-arc --top 5",
    .run = run_diff,
    .show = show_diff,
};
