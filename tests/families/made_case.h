/* made_case.h -- a reference case of make_families.py, opened as the program opens a model. */
#ifndef VQ_TESTS_MADE_CASE_H
#define VQ_TESTS_MADE_CASE_H

#include "load/model.h"
#include "made_model.h"

typedef struct made_case {
    json_t *made;
    const char *name;
    vq_arena arena;
    vq_kernels kernels;
    vq_model model;
    vq_exec exec;
    int32_t ids[64];
    int64_t length;
} made_case;

static inline void made_case_ids(made_case *o)
{
    const json_t *ids = json_object_get(o->made, "ids");
    o->length = (int64_t)json_array_size(ids);
    for (int64_t i = 0; i < o->length; i++)
        o->ids[i] = (int32_t)json_integer_value(json_array_get(ids, (size_t)i));
}

/* made_case_open -- a case without a builder fails. */
static inline void made_case_open(made_case *o, const char *path, scratch *s)
{
    vq_err e = {0};
    *o = (made_case){.made = json_load_file(path, 0, NULL)};
    o->name = json_string_value(json_object_get(o->made, "case"));
    assert_non_null(o->name);
    made_model_write(o->made, s);
    made_case_ids(o);
    vq_arena_init(&o->arena, NULL);
    if (vq_model_open(&o->model, s->dir, &o->arena, &e) != VQ_OK)
        fail_msg("%s: %s", o->name, e.text);
    if (!o->model.arch)
        fail_msg("%s: no builder: %s", o->name,
                 o->model.without_graph ? o->model.without_graph : "it is not in the table");
    if (vq_model_check(&o->model, &e) != VQ_OK) fail_msg("%s: %s", o->name, e.text);
    assert_int_equal(vq_kernels_select(&o->kernels, NULL, false, &e), VQ_OK);
    o->exec = (vq_exec){.graph = &o->model.graph,
                        .source = &o->model.checkpoint.source,
                        .kernels = &o->kernels,
                        .arena = &o->arena};
}

static inline void made_case_close(made_case *o)
{
    vq_model_close(&o->model);
    vq_arena_done(&o->arena);
    json_decref(o->made);
}

#endif
