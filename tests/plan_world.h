/* plan_world.h -- a recipe's text over a model's folder, planned and ready to run, or refused.
 * Include after <cmocka.h>. */
#ifndef VQ_TEST_PLAN_WORLD_H
#define VQ_TEST_PLAN_WORLD_H

#include "plan/pass_table.h"
#include "plan/plan_make.h"
#include "run/schedule/schedule.h"
#include "scratch.h"

#define TINY VQ_SOURCE_DIR "/examples/models/tiny-llama"
#define INT4_NEAREST                                                                               \
    "vq: 1\nname: t\nrules:\n  - {match: {}, use: int4-g64}\n  - {match: {role: embed}, use: "     \
    "keep}\n"                                                                                      \
    "passes:\n  - {do: round, method: rtn}\noutput: {format: vq}\n"

typedef struct plan_world {
    scratch *files;
    vq_arena arena;
    vq_recipe recipe;
    vq_model model;
    vq_plan plan;
    vq_schedule schedule;
    vq_job job;
    vq_err err;
    bool opened;
} plan_world;

static inline void must(const plan_world *w, vq_status s)
{
    if (s != VQ_OK) fail_msg("%s", w->err.text);
}

static inline void plan_world_start(plan_world *w, scratch *files)
{
    *w = (plan_world){.files = files, .job = {.threads = 1}};
    vq_arena_init(&w->arena, NULL);
    must(w, vq_kernels_select(&w->job.kernels, NULL, false, &w->err));
}

static inline vq_status plan_world_make(plan_world *w, const char *model, const char *recipe)
{
    VQ_TRY(vq_recipe_parse(&w->recipe, "t.yaml", recipe, strlen(recipe), NULL, 0, vq_pass_names(),
                           &w->arena, &w->err));
    VQ_TRY(vq_model_open(&w->model, model, &w->arena, &w->err));
    w->opened = true;
    VQ_TRY(vq_plan_make(&w->plan, &w->recipe, &w->model, &w->arena, &w->err));
    return vq_schedule_make(&w->schedule, &w->plan, (vq_given){.data = false}, &w->arena, &w->err);
}

static inline void plan_world_close(plan_world *w)
{
    if (w->opened) vq_model_close(&w->model);
    vq_arena_done(&w->arena);
}

#endif
