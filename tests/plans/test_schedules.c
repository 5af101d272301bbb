/* test_schedules.c -- the steps of every shipped recipe over tiny-llama, printed, against committed
 * text (UPDATE=1 writes it anew); forecasts of time and memory are what the steps say, added up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "plan_world.h"
#include "show.h"

#define RECIPES VQ_SOURCE_DIR "/recipes"
#define SNAPSHOTS VQ_SOURCE_DIR "/tests/plans/schedules"

static const vq_calib_source a_text = {.kind = VQ_KIND_TEXT, .path = "text"};

/* What each recipe is planned with: as it is, other propagation, statistics at hand. */
static const struct {
    const char *name, *set;
    vq_given given;
} ways[] = {{"as it is", NULL, {.statistics = false}},
            {"propagate: quantized", "calib.propagate=quantized", {.statistics = false}},
            {"with data and statistics", NULL, {.data = {&a_text, 1}, .statistics = true}}};
enum { WAYS = sizeof ways / sizeof ways[0] };

static void plan_recipe(plan_world *w, const char *path, int way)
{
    const char *set = ways[way].set;
    plan_world_start(w, NULL);
    must(w,
         vq_recipe_load(&w->recipe, path, &set, set ? 1 : 0, vq_pass_names(), &w->arena, &w->err));
    must(w, vq_model_open(&w->model, TINY, &w->arena, &w->err));
    w->opened = true;
    must(w, vq_plan_make(&w->plan, &w->recipe, &w->model, &w->arena, &w->err));
    must(w, vq_schedule_make(&w->schedule, &w->plan, ways[way].given, &w->arena, &w->err));
}

typedef void (*visit)(void *ctx, plan_world *w, const char *recipe, int way);

static void each_schedule(visit f, void *ctx)
{
    vq_arena a;
    vq_err e;
    const char *const *names;
    size_t n;
    vq_arena_init(&a, NULL);
    assert_int_equal(vq_list_dir(RECIPES, &a, &names, &n, &e), VQ_OK);
    assert_ge(n, 20);
    for (size_t i = 0; i < n; i++)
        for (int way = 0; way < WAYS; way++) {
            plan_world w;
            plan_recipe(&w, vq_join(&a, RECIPES, names[i], &e), way);
            f(ctx, &w, names[i], way);
            plan_world_close(&w);
        }
    vq_arena_done(&a);
}

typedef struct printed {
    char text[8192];
} printed;

static void compare(const printed *p, const char *recipe)
{
    char path[512], want[8192] = "";
    snprintf(path, sizeof path, SNAPSHOTS "/%.*s.txt", (int)(strlen(recipe) - 5), recipe);
    FILE *f = fopen(path, getenv("UPDATE") ? "w+" : "r");
    if (!f) fail_msg("%s: no snapshot; UPDATE=1 writes one", path);
    if (getenv("UPDATE")) {
        fputs(p->text, f);
        rewind(f);
    }
    want[fread(want, 1, sizeof want - 1, f)] = '\0';
    fclose(f);
    if (strcmp(want, p->text) != 0) fail_msg("%s\nwanted:\n%s\nis:\n%s", path, want, p->text);
}

static void print(void *ctx, plan_world *w, const char *recipe, int way)
{
    printed *p = ctx;
    if (way == 0) *p = (printed){.text = ""};
    const size_t at = strlen(p->text);
    const char *text = vq_schedule_text(&w->schedule, &w->arena, &w->err);
    assert_non_null(text);
    snprintf(p->text + at, sizeof p->text - at, "%s# %s\n%s", way ? "\n" : "", ways[way].name,
             text);
    if (way == WAYS - 1) compare(p, recipe);
}

static void steps_of_recipes(void **state)
{
    (void)state;
    printed p;
    each_schedule(print, &p);
}

static void add_up(void *ctx, plan_world *w, const char *recipe, int way)
{
    (void)ctx, (void)way;
    const vq_schedule *s = &w->schedule;
    double sum[VQ_STAGES] = {0};
    uint64_t most = 0, stays = 0;
    for (int i = 0; i < s->count; i++) {
        vq_cost one[VQ_STAGES] = {{0}};
        if (s->steps[i].kind->cost) s->steps[i].kind->cost(s, &w->job, s->steps[i].layer, one);
        for (int stage = 0; stage < VQ_STAGES; stage++)
            for (size_t j = 0; j < sizeof one[0] / sizeof(double); j++)
                sum[stage] += ((const double *)&one[stage])[j];
        uint64_t now = 0;
        for (int j = 0; j <= i; j++) {
            const vq_scheduled_step *at = &s->steps[j];
            if (!at->kind->bytes || (at->layer >= 0 && at->layer != s->steps[i].layer)) continue;
            const vq_step_bytes b = at->kind->bytes(s, &w->job, at->layer);
            now += j == i ? b.most : b.stays;
        }
        if (now > most) most = now;
        if (s->steps[i].kind->bytes && s->steps[i].layer < 0)
            stays += s->steps[i].kind->bytes(s, &w->job, s->steps[i].layer).stays;
    }
    vq_cost told[VQ_STAGES];
    vq_schedule_costs(s, &w->job, told);
    for (int stage = 0; stage < VQ_STAGES; stage++) {
        double all = 0;
        for (size_t j = 0; j < sizeof told[0] / sizeof(double); j++)
            all += ((const double *)&told[stage])[j];
        if (fabs(all - sum[stage]) > 1e-9 * all)
            fail_msg("%s, %s: %g is not the sum %g", recipe, vq_stage_names[stage], all,
                     sum[stage]);
    }
    const uint64_t bytes = vq_schedule_bytes(s, &w->job);
    const bool factors = s->plan->needs & (VQ_NEED_HESSIAN | VQ_NEED_GRADIENT);
    const int thread = s->by_blocks ? (factors ? 2048 : 1024) : 256;
    const uint64_t margin = (uint64_t)(512 + w->job.threads * thread) << 10,
                   weights = (uint64_t)s->plan->nweights,
                   rounding = most + weights * (s->by_blocks ? 3072 : 1536),
                   end = stays + weights * (s->by_blocks ? 9216 : 4608);
    assert_int_equal(bytes, (rounding > end ? rounding : end) + margin + w->job.budget.used +
                                w->job.budget.outside);
}

static void forecasts_are_sums(void **state)
{
    (void)state;
    each_schedule(add_up, NULL);
}

static void every_kind_is_in_the_table(void **state)
{
    (void)state;
    int n = 0;
    for (; vq_step_kinds[n]; n++) {
        const vq_step_kind *k = vq_step_kinds[n];
        assert_true(k->name && *k->name && k->doc && *k->doc && k->run);
        for (int i = 0; i < n; i++) assert_string_not_equal(k->name, vq_step_kinds[i]->name);
    }
    assert_int_equal(n, 16);
}

/* The marks of a stopped run: whole blocks, then what lies outside of them. */
static void finished_blocks(void **state)
{
    (void)state;
    plan_world w;
    plan_recipe(&w, RECIPES "/gptq-int4.yaml", 1);
    for (int sections = 0; sections <= 5; sections++) {
        vq_schedule_mark(&w.schedule, sections);
        for (int i = 0; i < w.schedule.count; i++) {
            const vq_scheduled_step *at = &w.schedule.steps[i];
            const bool done = at->layer >= 0            ? at->layer < sections
                              : at->layer == VQ_OUTSIDE ? sections == 5
                                                        : false;
            assert_int_equal(at->finished, done);
        }
    }
    plan_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_recipes),
        cmocka_unit_test(forecasts_are_sums),
        cmocka_unit_test(every_kind_is_in_the_table),
        cmocka_unit_test(finished_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
