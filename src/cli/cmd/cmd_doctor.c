/* cmd_doctor.c -- vq doctor: what this machine has, and a self-test. */
#include "cli/command.h"
#include "cli/show.h"

static vq_status run_doctor(vq_session *s, json_t **result, bool *answer, vq_err *e)
{
    vq_doctor_result r;
    VQ_TRY(vq_run_doctor(&s->job, &r, &s->arena, e));
    *answer = r.failed == 0;
    return vq_report_doctor(&r, result, e);
}

static void show_size(FILE *out, const json_t *r, const char *name, const char *key)
{
    char text[32];
    vq_show_field(out, name, "%s", vq_show_bytes(vq_result_real(r, key), text, sizeof text));
}

static void show_text(FILE *out, const json_t *r, const char *name, const char *key)
{
    char clean[512];
    vq_show_field(out, name, "%s", vq_show_clean(vq_result_text(r, key), clean, sizeof clean));
}

static void show_doctor(FILE *out, const vq_session *s, const json_t *r)
{
    const json_t *check;
    size_t i;
    (void)s;
    show_text(out, r, "vq", "version");
    show_text(out, r, "processor", "cpu");
    show_text(out, r, "features", "features");
    show_text(out, r, "kernels", "isa");
    vq_show_field(out, "threads", "%lld of %lld processors", (long long)vq_result_int(r, "threads"),
                  (long long)vq_result_int(r, "processors"));
    show_size(out, r, "memory", "memory");
    show_size(out, r, "of it free", "memory_free");
    show_size(out, r, "page", "page");
    show_size(out, r, "disk free here", "disk_free");
    show_text(out, r, "BLAS", "blas");
    show_text(out, r, "libraries", "libraries");
    vq_show_field(out, "CUDA", "none: this build runs on processors alone");
    fprintf(out, "\nself-test\n");
    json_array_foreach(json_object_get(r, "checks"), i, check)
    {
        const bool ok = json_is_true(json_object_get(check, "ok"));
        vq_show_field(out, vq_result_text(check, "name"), "%s%s",
                      ok ? "ok" : "WRONG: ", vq_result_text(check, "why"));
    }
}

const vq_command vq_command_doctor = {
    .name = "doctor",
    .bit = VQ_CMD_DOCTOR,
    .usage = "[--json]",
    .about = "what this machine has, and a self-test of vq on it",
    .operands = "",
    .example = "vq doctor",
    .run = run_doctor,
    .show = show_doctor,
};
