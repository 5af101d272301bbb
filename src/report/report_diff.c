/* report_diff.c -- what two checkpoints do not share. */
#include "report/report.h"

#include "json/json_make.h"

static void put_rows(vq_json_maker *m, json_t *o, const char *key, const vq_diff_row *rows,
                     size_t n)
{
    json_t *list = vq_put_array(m, o, key);
    for (size_t i = 0; i < n; i++) {
        json_t *row = vq_add_object(m, list);
        vq_put_text(m, row, "name", rows[i].name);
        vq_put_text(m, row, "a", rows[i].a);
        vq_put_text(m, row, "b", rows[i].b);
    }
}

vq_status vq_report_diff(const vq_diff_result *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_int(&m, o, "bytes_a", (int64_t)r->bytes_a);
    vq_put_int(&m, o, "bytes_b", (int64_t)r->bytes_b);
    vq_put_int(&m, o, "same", (int64_t)r->same);
    json_t *tensors = vq_put_array(&m, o, "tensors");
    for (size_t i = 0; i < r->ntensors; i++) {
        json_t *row = vq_add_object(&m, tensors);
        vq_put_text(&m, row, "name", r->tensors[i].name);
        json_t *shape = vq_put_array(&m, row, "shape");
        for (int d = 0; d < r->tensors[i].ndim; d++) vq_add_int(&m, shape, r->tensors[i].shape[d]);
        vq_put_text(&m, row, "a", r->tensors[i].a);
        vq_put_text(&m, row, "b", r->tensors[i].b);
        vq_put_real(&m, row, "error", r->tensors[i].error);
    }
    put_rows(&m, o, "config", r->config, r->nconfig);
    put_rows(&m, o, "files", r->files, r->nfiles);
    return vq_make_done(&m, o, "result", out, e);
}
