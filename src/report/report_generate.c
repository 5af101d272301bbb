/* report_generate.c -- what a model wrote. */
#include "report/report.h"

#include "json/json_make.h"

vq_status vq_report_generate(const vq_generate_result *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "text", r->text);
    json_t *ids = vq_put_array(&m, o, "ids");
    for (int64_t i = 0; i < r->count; i++) vq_add_int(&m, ids, r->ids[i]);
    vq_put_text(&m, o, "stopped", r->stopped);
    vq_put_int(&m, o, "prompt_tokens", r->prompt_tokens);
    vq_put_real(&m, o, "prompt_seconds", r->prompt_seconds);
    vq_put_real(&m, o, "seconds", r->seconds);
    return vq_make_done(&m, o, "result", out, e);
}
