/* envelope.c -- what stands around a result. */
#include "report/envelope.h"

#include <stdio.h>

void vq_envelope_begin(void)
{
    vq_json_watch();
}

void vq_envelope_init(vq_envelope *v, const char *command)
{
    *v = (vq_envelope){.command = command};
    v->inputs = vq_make_array(&v->maker);
    v->warnings = vq_make_array(&v->maker);
}

void vq_envelope_done(vq_envelope *v)
{
    json_decref(v->inputs);
    json_decref(v->warnings);
}

void vq_envelope_input(vq_envelope *v, const char *path, const char *sha256)
{
    json_t *one = vq_add_object(&v->maker, v->inputs);
    vq_put_text(&v->maker, one, "path", path);
    vq_put_text(&v->maker, one, "sha256", sha256);
}

static void put_warning(vq_json_maker *m, json_t *o, const char *code, const char *where,
                        const char *text)
{
    vq_put_text(m, o, "code", code);
    vq_put_text(m, o, "where", where);
    vq_put_text(m, o, "text", text);
}

void vq_envelope_warning(vq_envelope *v, const char *code, const char *where, const char *text)
{
    put_warning(&v->maker, vq_add_object(&v->maker, v->warnings), code, where, text);
}

vq_status vq_envelope_text(const vq_envelope *v, int exit_code, const char *error, json_t *result,
                           char **text, vq_err *e)
{
    char schema[40];
    vq_json_maker m = v->maker;
    json_t *o = vq_make_object(&m), *all;
    (void)snprintf(schema, sizeof schema, "vq.%s/1", v->command);
    vq_put_text(&m, o, "schema", schema);
    vq_put_text(&m, o, "vq", VQ_VERSION);
    vq_put_flag(&m, o, "ok", exit_code == 0);
    vq_put_int(&m, o, "exit", exit_code);
    vq_put(&m, o, "inputs", json_incref(v->inputs));
    vq_put(&m, o, "warnings", json_incref(v->warnings));
    if (error) vq_put_text(&m, o, "error", error);
    vq_put(&m, o, "result", result ? json_incref(result) : json_null());
    VQ_TRY(vq_make_done(&m, o, "--json", &all, e));
    const vq_status s = vq_json_dump(all, JSON_COMPACT, "--json", text, e);
    json_decref(all);
    return s;
}

static char *line_of(const vq_json_maker *m, json_t *o)
{
    json_t *event;
    char *text;
    if (vq_make_done(m, o, "event", &event, NULL) != VQ_OK) return NULL;
    const vq_status s = vq_json_dump(event, JSON_COMPACT, "event", &text, NULL);
    json_decref(event);
    return s == VQ_OK ? text : NULL;
}

char *vq_event_progress(const char *phase, int64_t done, int64_t total, double seconds)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "event", "progress");
    vq_put_text(&m, o, "phase", phase);
    vq_put_int(&m, o, "done", done);
    vq_put_int(&m, o, "total", total);
    vq_put_real(&m, o, "seconds", seconds);
    return line_of(&m, o);
}

char *vq_event_text(const char *event, const char *text)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "event", event);
    vq_put_text(&m, o, "text", text);
    return line_of(&m, o);
}

char *vq_event_warning(const char *code, const char *where, const char *text)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "event", "warning");
    put_warning(&m, o, code, where, text);
    return line_of(&m, o);
}
