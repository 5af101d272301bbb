/* show_explained.c -- rules and passes, one under the other. */
#include "cli/show_explained.h"

#include <stdarg.h>
#include <string.h>

#include "cli/show.h"
#include "cli/wrap.h"

enum { LINE_BYTES = 4096 };

/* A line that begins `indent` columns in; what does not fit goes below, two further in. */
static void put_text(FILE *out, int indent, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void put_text(FILE *out, int indent, const char *fmt, ...)
{
    char line[LINE_BYTES], clean[LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    fprintf(out, "%*s", indent, "");
    vq_wrap_shown(out, indent, indent + 2, vq_show_clean(line, clean, sizeof clean));
}

static void show_taken(FILE *out, const json_t *rule)
{
    const json_t *names = json_object_get(rule, "names");
    const size_t shown = json_array_size(names);
    const long long count = (long long)vq_result_int(rule, "tensors");
    char before[32], after[32], list[2048] = "";
    if (count == 0) {
        fprintf(out, "      nothing of this model\n");
        return;
    }
    for (size_t i = 0; i < shown; i++) {
        const size_t at = strlen(list);
        (void)snprintf(list + at, sizeof list - at, "%s %s", i ? "," : "",
                       json_string_value(json_array_get(names, i)));
    }
    put_text(out, 6, "%lld tensor%s, %s -> %s:%s%s", count, count == 1 ? "" : "s",
             vq_show_bytes(vq_result_real(rule, "bytes_before"), before, sizeof before),
             vq_show_bytes(vq_result_real(rule, "bytes"), after, sizeof after), list,
             count > (long long)shown ? " ..." : "");
}

static void show_rule(FILE *out, const json_t *rule)
{
    put_text(out, 2, "%s: %s -> %s", vq_result_text(rule, "rule"), vq_result_text(rule, "takes"),
             vq_result_text(rule, "scheme"));
    const char *means = vq_result_text(rule, "means"), *inputs = strstr(means, "; inputs");
    put_text(out, 6, "%.*s", (int)(inputs ? (size_t)(inputs - means) : strlen(means)), means);
    if (inputs) put_text(out, 6, "%s", inputs + 2);
    if (json_object_get(rule, "tensors")) show_taken(out, rule);
}

static void show_pass(FILE *out, const json_t *pass)
{
    put_text(out, 2, "%s: %s", vq_result_text(pass, "name"), vq_result_text(pass, "doc"));
    if (*vq_result_text(pass, "options")) put_text(out, 6, "%s", vq_result_text(pass, "options"));
}

void vq_show_explained(FILE *out, const json_t *r)
{
    const json_t *item;
    size_t i;
    char clean[1024];
    put_text(out, 0, "%s: %s", vq_result_text(r, "name"), vq_result_text(r, "about"));
    fprintf(out, "\nrules (the last one that matches decides)\n");
    json_array_foreach(json_object_get(r, "rules"), i, item)
    {
        show_rule(out, item);
    }
    if (vq_result_int(r, "unruled") > 0)
        fprintf(out, "  kept without a rule: %lld (routers, layers behind the last block)\n",
                (long long)vq_result_int(r, "unruled"));
    fprintf(out, "\npasses, in this order\n");
    json_array_foreach(json_object_get(r, "passes"), i, item)
    {
        show_pass(out, item);
    }
    fputc('\n', out);
    vq_show_field(out, "calibration data", "%s",
                  vq_show_clean(vq_result_text(r, "data"), clean, sizeof clean));
    if (*vq_result_text(r, "statistics"))
        vq_show_field(out, "gathered", "%s", vq_result_text(r, "statistics"));
    vq_show_field(out, "format", "%s", vq_result_text(r, "format"));
}
