/* show_explained.c -- rules and passes, one under the other. */
#include "cli/show_explained.h"

#include <string.h>

#include "cli/show.h"

static void show_taken(FILE *out, const json_t *rule)
{
    const json_t *names = json_object_get(rule, "names");
    const size_t shown = json_array_size(names);
    const long long count = (long long)vq_result_int(rule, "tensors");
    char before[32], after[32], clean[256];
    if (count == 0) {
        fprintf(out, "      nothing of this model\n");
        return;
    }
    fprintf(out, "      %lld tensor%s, %s -> %s:", count, count == 1 ? "" : "s",
            vq_show_bytes(vq_result_real(rule, "bytes_before"), before, sizeof before),
            vq_show_bytes(vq_result_real(rule, "bytes"), after, sizeof after));
    for (size_t i = 0; i < shown; i++)
        fprintf(out, "%s %s", i ? "," : "",
                vq_show_clean(json_string_value(json_array_get(names, i)), clean, sizeof clean));
    fprintf(out, "%s\n", count > (long long)shown ? " ..." : "");
}

static void show_rule(FILE *out, const json_t *rule)
{
    char clean[1024];
    fprintf(out, "  %s: ", vq_show_clean(vq_result_text(rule, "rule"), clean, sizeof clean));
    fprintf(out, "%s", vq_show_clean(vq_result_text(rule, "takes"), clean, sizeof clean));
    fprintf(out, " -> %s\n", vq_show_clean(vq_result_text(rule, "scheme"), clean, sizeof clean));
    const char *means = vq_result_text(rule, "means"), *inputs = strstr(means, "; inputs");
    fprintf(out, "      %.*s\n", (int)(inputs ? (size_t)(inputs - means) : strlen(means)), means);
    if (inputs) fprintf(out, "      %s\n", inputs + 2);
    if (json_object_get(rule, "tensors")) show_taken(out, rule);
}

static void show_pass(FILE *out, const json_t *pass, bool options)
{
    fprintf(out, "  %s: %s\n", vq_result_text(pass, "name"), vq_result_text(pass, "doc"));
    if (options && *vq_result_text(pass, "options"))
        fprintf(out, "      %s\n", vq_result_text(pass, "options"));
}

void vq_show_explained(FILE *out, const json_t *r, bool options)
{
    const json_t *item;
    size_t i;
    char clean[1024];
    fprintf(out, "%s", vq_show_clean(vq_result_text(r, "name"), clean, sizeof clean));
    fprintf(out, ": %s\n\nrules (the last one that matches decides)\n",
            vq_show_clean(vq_result_text(r, "about"), clean, sizeof clean));
    json_array_foreach(json_object_get(r, "rules"), i, item) show_rule(out, item);
    if (vq_result_int(r, "unruled") > 0)
        fprintf(out, "  kept without a rule: %lld (routers, layers behind the last block)\n",
                (long long)vq_result_int(r, "unruled"));
    fprintf(out, "\npasses, in this order\n");
    json_array_foreach(json_object_get(r, "passes"), i, item) show_pass(out, item, options);
    fputc('\n', out);
    vq_show_field(out, "calibration data", "%s",
                  vq_show_clean(vq_result_text(r, "data"), clean, sizeof clean));
    if (*vq_result_text(r, "statistics"))
        vq_show_field(out, "gathered", "%s", vq_result_text(r, "statistics"));
    vq_show_field(out, "format", "%s", vq_result_text(r, "format"));
}
