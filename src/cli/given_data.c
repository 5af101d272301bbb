/* given_data.c -- --data and --tokens of the commands that calibrate. */
#include <string.h>

#include "cli/command.h"

static vq_status add(vq_calib_source *list, int *n, const vq_text_list *texts, bool tokens,
                     vq_err *e)
{
    if (*n + texts->n > VQ_SOURCES_MAX)
        return vq_fail(e, VQ_E_RECIPE, "--data and --tokens together name more than %d sources",
                       VQ_SOURCES_MAX);
    for (int i = 0; i < texts->n; i++) {
        vq_calib_source *one = &list[(*n)++];
        VQ_TRY(vq_source_read(one, texts->text[i], e));
        if (tokens) one->kind = VQ_KIND_TOKENS;
        if (tokens && !one->path)
            return vq_fail(e, VQ_E_RECIPE,
                           "--tokens self: the model's own text is --data self; a "
                           "file of that name is ./self");
    }
    return VQ_OK;
}

/* One of the two would silently lose; that some are required is no second source. */
static vq_status check_sets(const vq_args *a, vq_err *e)
{
    for (int i = 0; i < a->sets.n; i++)
        if (strncmp(a->sets.text[i], "calib.data=", 11) == 0 &&
            strcmp(a->sets.text[i] + 11, "required") != 0)
            return vq_fail(e, VQ_E_RECIPE, "%s and --set calib.data both give the calibration data",
                           a->sources.n ? "--data" : "--tokens");
    return VQ_OK;
}

vq_status vq_session_sources(vq_session *s, vq_calib_sources *out, vq_err *e)
{
    const vq_args *a = s->args;
    *out = (vq_calib_sources){0};
    if (a->sources.n + a->token_sources.n == 0) return VQ_OK;
    VQ_TRY(check_sets(a, e));
    vq_calib_source *list = VQ_NEW(&s->arena, vq_calib_source, VQ_SOURCES_MAX, "sources", e);
    double shares[VQ_SOURCES_MAX];
    if (!list) return VQ_E_LIMIT;
    VQ_TRY(add(list, &out->n, &a->sources, false, e));
    VQ_TRY(add(list, &out->n, &a->token_sources, true, e));
    out->list = list;
    return vq_sources_share(out, shares, e);
}

vq_status vq_session_source_inputs(vq_session *s, const vq_calib_sources *sources, vq_err *e)
{
    for (int i = 0; i < sources->n; i++)
        VQ_TRY(vq_output_input(&s->output, sources->list[i].path, false, &s->job.reporter,
                               &s->arena, e));
    return VQ_OK;
}
