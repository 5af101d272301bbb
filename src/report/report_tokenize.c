/* report_tokenize.c -- token ids of a text, or the text of ids. */
#include "report/report.h"

#include "json/json_make.h"

vq_status vq_report_tokenize(const vq_tokenize_result *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_int(&m, o, "count", (int64_t)r->count);
    if (r->text) vq_put_text(&m, o, "text", r->text);
    if (!r->text && !r->out) {
        json_t *ids = vq_put_array(&m, o, "ids");
        for (size_t i = 0; i < r->count; i++) vq_add_int(&m, ids, r->ids[i]);
    }
    if (r->tokens) {
        json_t *tokens = vq_put_array(&m, o, "tokens");
        for (size_t i = 0; i < r->count; i++) vq_add(&m, tokens, vq_make_text(&m, r->tokens[i]));
    }
    if (r->out) vq_put_text(&m, o, "out", r->out);
    return vq_make_done(&m, o, "result", out, e);
}
