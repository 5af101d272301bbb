/* cmd_plan.c -- vq plan MODEL -r R: what quantize would do, from the headers alone. */
#include <math.h>
#include <string.h>

#include "cli/command.h"
#include "cli/show.h"

#define FLAGS_MAX 64 /* as vq_args.origin */
#define SAMPLE_ROWS 3
#define ROWS_MAX (FLAGS_MAX + VQ_MAX_SETS + 1 + SAMPLE_ROWS)

/* Where a value of the recipe came from. */
static const char *recipe_origin(const vq_args *a, const char *name)
{
    const size_t n = strlen(name);
    for (int i = 0; i < a->sets.n; i++) {
        const char *set = a->sets.text[i];
        if (strncmp(set, name, n) != 0 || set[n] != '=') continue;
        const vq_flag *seed = vq_flag_find("seed", 4, VQ_CMD_PLAN);
        return vq_origin_name(set == a->seed_set ? a->origin[seed - vq_flags] : VQ_FROM_FLAG);
    }
    return "recipe";
}

static const char *const sample_names[SAMPLE_ROWS] = {"calib.samples", "calib.seqlen",
                                                      "calib.seed"};

/* Does this override give one of them? */
static bool is_sample_set(const char *set)
{
    for (int i = 0; i < SAMPLE_ROWS; i++) {
        const size_t n = strlen(sample_names[i]);
        if (strncmp(set, sample_names[i], n) == 0 && set[n] == '=') return true;
    }
    return false;
}

/* The samples that a run needs, into rows. */
static vq_status sample_rows(vq_session *s, const vq_plan_result *r, vq_option_row *rows, size_t *n,
                             vq_err *e)
{
    const uint64_t values[SAMPLE_ROWS] = {(uint64_t)r->samples, (uint64_t)r->seqlen, r->seed};
    for (int i = 0; r->samples && i < SAMPLE_ROWS; i++) {
        const char *value = vq_arena_text(&s->arena, e, "%llu", (unsigned long long)values[i]);
        if (!value) return e->status;
        rows[(*n)++] =
            (vq_option_row){sample_names[i], value, recipe_origin(s->args, sample_names[i])};
    }
    return VQ_OK;
}

/* Every option that plan knows, with its value and where that came from, into rows; texts are
 * copied into the session's arena. */
static vq_status option_rows(vq_session *s, const vq_plan_result *r, vq_option_row rows[ROWS_MAX],
                             size_t *n, vq_err *e)
{
    const vq_args *a = s->args;
    const bool drawn = r->samples > 0; /* then calib.seed has a row of its own */
    *n = 0;
    for (const vq_flag *f = vq_flags; f->name; f++) {
        char buf[32];
        const vq_origin origin = a->origin[f - vq_flags];
        const bool view = f->env && (f->commands & VQ_CMD_PLAN) && f->type != VQ_FLAG_SWITCH;
        if (!view || (strcmp(f->name, "seed") == 0 && (drawn || origin == VQ_FROM_BUILTIN)))
            continue;
        const char *value = vq_arena_text(&s->arena, e, "%s", vq_flag_text(a, f, buf, sizeof buf));
        if (!value) return e->status;
        rows[(*n)++] = (vq_option_row){f->name, value, vq_origin_name(origin)};
    }
    for (int i = 0; i < a->sets.n; i++)
        if (a->sets.text[i] != a->seed_set && !(drawn && is_sample_set(a->sets.text[i])))
            rows[(*n)++] = (vq_option_row){"set", a->sets.text[i], vq_origin_name(VQ_FROM_FLAG)};
    return VQ_OK;
}

static vq_status run_plan(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    const vq_args *a = s->args;
    vq_calib_sources data;
    VQ_TRY(vq_args_need_recipe(a, e));
    VQ_TRY(vq_session_sources(s, &data, e));
    const vq_quantize_options o = {.model = a->operands[0],
                                   .recipe = a->recipe,
                                   .data = data,
                                   .sets = a->sets.text,
                                   .nsets = a->sets.n,
                                   .statistics = a->stats};
    vq_plan_result r;
    vq_option_row options[ROWS_MAX];
    size_t n;
    VQ_TRY(vq_run_plan(&s->job, &o, &r, &s->arena, e));
    *answer = r.fits;
    VQ_TRY(option_rows(s, &r, options, &n, e));
    VQ_TRY(sample_rows(s, &r, options, &n, e));
    VQ_TRY(vq_report_plan(&r, options, n, result, e));
    if (!a->json) return VQ_OK;
    VQ_TRY(vq_output_input(&s->output, o.model, true, &s->job.reporter, &s->arena, e));
    VQ_TRY(vq_output_input(&s->output, o.recipe, true, &s->job.reporter, &s->arena, e));
    return vq_session_source_inputs(s, &data, e);
}

static bool same_kind(const json_t *group, const json_t *tensor)
{
    static const char *const keys[] = {"role", "shape", "scheme", "rule"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *a = json_object_get(group, keys[i]), *b = json_object_get(tensor, keys[i]);
        if (a != b && !json_equal(a, b)) return false;
    }
    return true;
}

/* Tensors of one role, shape, scheme and rule are one line: every block of a model looks alike. */
static json_t *group_tensors(const json_t *tensors)
{
    json_t *groups = json_array(), *tensor;
    size_t i;
    json_array_foreach(tensors, i, tensor)
    {
        json_t *group = NULL;
        for (size_t g = json_array_size(groups); g-- > 0 && !group;)
            if (same_kind(json_array_get(groups, g), tensor)) group = json_array_get(groups, g);
        if (!group) {
            group = json_copy(tensor);
            json_object_set_new(group, "count", json_integer(0));
            json_object_set_new(group, "bytes", json_integer(0));
            json_array_append_new(groups, group);
        }
        json_object_set_new(group, "count", json_integer(vq_result_int(group, "count") + 1));
        json_object_set_new(
            group, "bytes",
            json_integer(vq_result_int(group, "bytes") + vq_result_int(tensor, "bytes")));
    }
    return groups;
}

static void show_tensors(FILE *out, const json_t *tensors, bool every)
{
    static const vq_column one[] = {
        {"name", "tensor", VQ_CELL_TEXT, 0}, {"role", "role", VQ_CELL_TEXT, 0},
        {"shape", "shape", VQ_CELL_TEXT, 0}, {"scheme", "scheme", VQ_CELL_TEXT, 0},
        {"bytes", "size", VQ_CELL_BYTES, 0}, {"rule", "decided by", VQ_CELL_TEXT, 0}};
    static const vq_column many[] = {
        {"role", "role", VQ_CELL_TEXT, 0},   {"count", "count", VQ_CELL_COUNT, 0},
        {"shape", "shape", VQ_CELL_TEXT, 0}, {"scheme", "scheme", VQ_CELL_TEXT, 0},
        {"bytes", "size", VQ_CELL_BYTES, 0}, {"rule", "decided by", VQ_CELL_TEXT, 0}};
    json_t *groups = every ? NULL : group_tensors(tensors);
    vq_show_table(out, every ? tensors : groups, every ? one : many, 6);
    json_decref(groups);
    fputc('\n', out);
}

/* What ARC appends is decided by calibration: the text says within which bounds. */
static void show_sizes(FILE *out, const json_t *r)
{
    const double bits = vq_result_real(r, "bits_per_weight"), bytes = vq_result_real(r, "bytes"),
                 bits_most = vq_result_real(r, "bits_per_weight_most"),
                 bytes_most = vq_result_real(r, "bytes_most");
    char text[32], most[32];
    const bool open = bytes_most > bytes;
    if (open)
        vq_show_field(out, "bits per weight",
                      "%.3f and residual channels, which calibration decides: at most %.3f", bits,
                      bits_most);
    else if (!isnan(bits))
        vq_show_field(out, "bits per weight", "%.3f", bits);
    vq_show_bytes(bytes, text, sizeof text);
    vq_show_field(out, "size", open ? "%s and residual channels: at most %s" : "%s", text,
                  vq_show_bytes(bytes_most, most, sizeof most));
}

/* "about 9 s on idle cores: text 4 s, rounding 5 s": the stages that there are. */
static void show_time(FILE *out, const json_t *r)
{
    char line[256], time[40];
    const double all = vq_result_real(r, "seconds");
    const json_t *stages = json_object_get(r, "stages");
    if (isnan(all)) return;
    size_t n =
        (size_t)snprintf(line, sizeof line, "%s on idle cores", vq_forecast_about(all, time));
    const char *between = ": ";
    for (int i = 0; i < VQ_STAGES; i++) {
        const double t = vq_result_real(stages, vq_stage_names[i]);
        if (!(t > 0)) continue;
        n += (size_t)snprintf(line + n, sizeof line - n, "%s%s %s", between, vq_stage_names[i],
                              vq_forecast_text(t, time));
        between = ", ";
    }
    vq_show_field(out, "time", "%s", line);
}

/* Of a recipe that asks for none there is no line. */
static void show_sources(FILE *out, const json_t *sources)
{
    const json_t *one;
    size_t i;
    json_array_foreach(sources, i, one)
    {
        const char *path = vq_result_text(one, "path");
        const long long tokens = (long long)vq_result_int(one, "tokens");
        char clean[512];
        vq_show_clean(path, clean, sizeof clean);
        vq_show_field(out, i ? "" : "text", "%lld token%s %s", tokens, tokens == 1 ? "" : "s",
                      *path ? clean
                      : json_array_size(sources) > 1
                          ? "that the model writes itself"
                          : "that the model writes itself, unless --data gives one");
    }
}

static void show_plan(FILE *out, const vq_session *s, const json_t *r)
{
    static const vq_column values[] = {{"name", "option", VQ_CELL_TEXT, 0},
                                       {"value", "value", VQ_CELL_TEXT, 0},
                                       {"origin", "from", VQ_CELL_TEXT, 0}};
    static const struct {
        const char *key, *name;
    } sizes[] = {{"peak_ram", "memory at most"},
                 {"outside_ram", "  outside of tensors"},
                 {"disk", "disk at most"},
                 {"disk_work", "  beside it, for a run"}};
    const json_t *fits = json_object_get(r, "fits");
    char text[32], folder[512];
    show_tensors(out, json_object_get(r, "tensors"), s->args->verbose > 0);
    show_sizes(out, r);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const double v = vq_result_real(r, sizes[i].key);
        if (!isnan(v)) vq_show_field(out, sizes[i].name, "%s", vq_show_bytes(v, text, sizeof text));
    }
    show_time(out, r);
    show_sources(out, json_object_get(r, "sources"));
    vq_show_clean(vq_result_text(r, "out"), folder, sizeof folder);
    vq_show_field(out, "output", "%s, unless -o names another", folder);
    if (fits)
        vq_show_field(out, "fits", "%s", json_is_true(fits) ? "yes" : "no: raise --mem-limit");
    fputc('\n', out);
    vq_show_table(out, json_object_get(r, "options"), values, 3);
}

const vq_command vq_command_plan = {
    .name = "plan",
    .bit = VQ_CMD_PLAN,
    .operands_min = 1,
    .operands_max = 1,
    .usage = "MODEL -r RECIPE [--data TEXT ...]",
    .about = "show what quantize would do: schemes, sizes, memory, time",
    .operands = "  MODEL                       a .safetensors file or a Hugging Face folder; only "
                "headers are read\n",
    .example = "vq plan model.safetensors -r nvfp4 --mem-limit 4G",
    .run = run_plan,
    .show = show_plan,
};
