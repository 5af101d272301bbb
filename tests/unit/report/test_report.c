/* test_report.c -- results as JSON: keys, their order and values are a contract (docs/cli.md); an
 * allocation that fails anywhere is one error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/exchange/stats.h"
#include "failing_json.h"
#include "report/envelope.h"
#include "report/report.h"

static const vq_file_digest files[] = {{"a.json", "00", 3}, {"b.safetensors", "11", 4}};

static const vq_planned_tensor planned[] = {{"m", "attn.q", "int4", "rule 1", {2, 3}, 6}};
static const vq_plan_result plan = {.tensors = planned,
                                    .ntensors = 1,
                                    .bits_per_weight = 4.5,
                                    .bits_per_weight_most = 9.5,
                                    .bytes = 6,
                                    .bytes_most = 8,
                                    .disk = 9,
                                    .disk_work = 11,
                                    .out = "o",
                                    .own_text = true,
                                    .peak_bytes = 7,
                                    .outside_bytes = 3,
                                    .fits = true,
                                    .seconds = 28,
                                    .stages = {1, 2, 3, 4, 5, 6, 7}};
static const vq_option_row option = {"threads", "2", "flag"};
static const vq_quantize_result quantized = {.out = "o",
                                             .files = files,
                                             .nfiles = 2,
                                             .bytes_in = 9,
                                             .bytes_weights = 4,
                                             .bytes_out = 7,
                                             .bits_per_weight = NAN,
                                             .modules = 3,
                                             .fallbacks = 1,
                                             .worst = {{"w", 12.5}, {"x", 300}},
                                             .nworst = 2,
                                             .calibration = {.kind = "statistics",
                                                             .sha256 = "22",
                                                             .statistics = "33",
                                                             .samples = 2,
                                                             .seqlen = 8},
                                             .finish = "tune",
                                             .finished = {0.5, 0.25, 16},
                                             .phases = {1, 2, 3, 4},
                                             .seconds = 10,
                                             .peak_bytes = 11,
                                             .runtimes = {"vllm"}};
static const vq_calibrate_result calibrated = {
    .out = "s.vqs",
    .needs = VQ_NEED_RANGE | VQ_NEED_HESSIAN,
    .layers = 4,
    .model = "44",
    .calibration = {.kind = "text", .sha256 = "22", .samples = 2, .seqlen = 8},
    .seconds = 5,
    .peak_bytes = 6,
    .unseen_experts = 7,
    .sampled = (const char *const[]){"r.yaml"},
    .nsampled = 1};
static const double mixed_angles[] = {0, 30, 30, 0}, mixed_others[] = {30, 30},
                    mixed_halves[] = {2.5, NAN};
static const int64_t mixed_alone[] = {0, 3};
static const vq_covered mixed_input = {"q",          2,          8, mixed_angles, mixed_others,
                                       mixed_halves, mixed_alone};
static const vq_source_coverage mixed_sources[] = {
    {mixed_angles, 30, 2.5, &mixed_input, 30, 0, NULL},
    {mixed_angles + 2, 30, NAN, &mixed_input, 30, 3, &mixed_input}};
static const vq_sample_part mixed_parts[] = {{"text", "a.txt", "22", 1},
                                             {.kind = "self", .samples = 1}};
static const vq_calibrate_result mixed = {.out = "s.vqs",
                                          .needs = VQ_NEED_RANGE,
                                          .layers = 4,
                                          .model = "44",
                                          .calibration = {"mix", "", "", 2, 8, mixed_parts, 2},
                                          .seconds = 5,
                                          .peak_bytes = 6,
                                          .coverage = {mixed_sources, 2, &mixed_input, 1}};
static const vq_merge_input inputs[] = {{"a", 0.75, 1}, {"b", 0.25, 3}};
static const vq_merge_result merged = {"s.vqs", VQ_NEED_HESSIAN, inputs, 2, 4, 8};
static const vq_failure failure = {"t", "is wrong"};
static const vq_verify_result verified = {.tensors = 2, .isa = "avx2"};
static const vq_verify_result refused = {.tensors = 2,
                                         .not_compared = 1,
                                         .isa = "avx2",
                                         .failures = &failure,
                                         .nfailures = 1,
                                         .worst = "t",
                                         .worst_error = 0.5};
static const vq_eval_row alone_row = {.path = "m",
                                      .text = "t",
                                      .windows = 1,
                                      .tokens = 8,
                                      .model = {.perplexity = 2.5, .nll = {1.5, NAN}},
                                      .data = "55"};
static const vq_eval_result alone = {
    .rows = &alone_row, .models = 1, .texts = 1, .window = 5, .seconds = 4};
static const int32_t made[] = {7, 9};
static const vq_generate_result generated = {.text = "a\n",
                                             .ids = made,
                                             .count = 2,
                                             .prompt_tokens = 3,
                                             .stopped = "eos",
                                             .prompt_seconds = 0.5,
                                             .seconds = 2};
#define PAIRED_ROW(model_path, file, divergence)                                                   \
    {                                                                                              \
        .path = (model_path), .text = (file), .windows = 2, .tokens = 8,                           \
        .model = {.perplexity = INFINITY, .nll = {1000, 1}},                                       \
        .ref = {.perplexity = 2, .nll = {0.5, 0.25}}, .paired = true, .delta_nll = {1, 2},         \
        .kl = {(divergence), 4}, .agreement = {0.5, 0.125}, .data = "55"                           \
    }
static const vq_eval_row paired_rows[] = {PAIRED_ROW("m", "t", 3), PAIRED_ROW("m", "u", 7),
                                          PAIRED_ROW("n", "t", 6), PAIRED_ROW("n", "u", 6)};
static const vq_eval_result paired = {
    .rows = paired_rows, .models = 1, .texts = 1, .window = 5, .seconds = 4};
static const vq_eval_result two_texts = {
    .rows = paired_rows, .models = 1, .texts = 2, .window = 5, .seconds = 4};
static const vq_eval_result two_models = {
    .rows = paired_rows, .models = 2, .texts = 2, .window = 5, .seconds = 4};
static const vq_count schemes[] = {{"weight x", 2}}, dtypes[] = {{"U8", 3}, {"F32", 4}};
static const vq_stored_tensor stored[] = {{"t", VQ_U8, 2, {2, 3}, 6}, {"s", VQ_F32, 0, {0}, 4}};
static const vq_inspect_result artifact = {.model = {.quantized = true,
                                                     .architecture = "llama",
                                                     .quant_method = "vq",
                                                     .can_run = true,
                                                     .schemes = schemes,
                                                     .nschemes = 1,
                                                     .files = files,
                                                     .nfiles = 1,
                                                     .dtypes = dtypes,
                                                     .ndtypes = 2,
                                                     .tensors = stored,
                                                     .ntensors = 2}};
static const vq_group_description groups[] = {
    {"g", 8, 16, true, -1, 2, {true, 3, 0.5, 1}, 0},
    {"h", 8, 16, false, 0, 0, {false, 0, 0, 0}, -1},
};
static const vq_linear_description linears[] = {{"l", {true, 1, 2, 3}, {false, 0, 0, 0}}};
static const vq_stats_share shares[] = {{"22", 2, 1}};
static const vq_inspect_result statistics = {.is_statistics = true,
                                             .statistics = {.version = "1",
                                                            .model = "44",
                                                            .data = "22",
                                                            .parts = shares,
                                                            .nparts = 1,
                                                            .samples = 2,
                                                            .seqlen = 8,
                                                            .needs = VQ_NEED_RANGE | VQ_NEED_FISHER,
                                                            .bytes = 100,
                                                            .sha256 = "66",
                                                            .seed = 7,
                                                            .groups = groups,
                                                            .ngroups = 2,
                                                            .linears = linears,
                                                            .nlinears = 1}};

static vq_status report_plan(json_t **out, vq_err *e)
{
    return vq_report_plan(&plan, &option, 1, out, e);
}
#define REPORT(name, made_by, of)                                                                  \
    static vq_status name(json_t **out, vq_err *e)                                                 \
    {                                                                                              \
        return made_by(&(of), out, e);                                                             \
    }
REPORT(report_quantize, vq_report_quantize, quantized)
REPORT(report_calibrate, vq_report_calibrate, calibrated)
REPORT(report_mixed, vq_report_calibrate, mixed)
REPORT(report_merge, vq_report_merge, merged)
REPORT(report_verified, vq_report_verify, verified)
REPORT(report_refused, vq_report_verify, refused)
REPORT(report_alone, vq_report_eval, alone)
REPORT(report_paired, vq_report_eval, paired)
REPORT(report_two_texts, vq_report_eval, two_texts)
REPORT(report_two_models, vq_report_eval, two_models)
REPORT(report_generate, vq_report_generate, generated)
REPORT(report_artifact, vq_report_inspect, artifact)
REPORT(report_statistics, vq_report_inspect, statistics)
static vq_status report_version(json_t **out, vq_err *e)
{
    return vq_report_version("ref", out, e);
}
static vq_status report_recipes(json_t **out, vq_err *e)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    const vq_status s = vq_report_recipes(&a, out, e);
    vq_arena_done(&a);
    return s;
}

static vq_status report_pass(json_t **out, vq_err *e)
{
    return vq_report_pass("gptq", out, e);
}

#define PAIRED_TEXT(file, divergence)                                                              \
    "{\"data\":\"" file "\",\"perplexity\":null,\"nll\":1000.0,\"nll_stderr\":1.0,\"tokens\":8,"   \
    "\"windows\":2,\"data_sha256\":\"55\",\"ref\":{\"perplexity\":2.0,\"nll\":0.5,\"nll_stderr\":" \
    "0.25,"                                                                                        \
    "\"tokens\":8,\"windows\":2},\"delta_nll\":1.0,\"delta_nll_stderr\":2.0,\"kl\":" divergence    \
    ","                                                                                            \
    "\"kl_stderr\":4.0,\"top1_agreement\":0.5,\"top1_agreement_stderr\":0.125}"
#define TWO_TEXTS(t, u, worst, kl)                                                                 \
    "\"texts\":[" PAIRED_TEXT("t", t) "," PAIRED_TEXT("u", u) "],\"worst\":{\"data\":\"" worst     \
                                                              "\",\"kl\":" kl                      \
                                                              ",\"kl_stderr\":4.0}"
#define OTHER_MODEL "},{\"model\":\"n\","
#define RUN(rate) ",\"window\":5,\"seconds\":4.0,\"tokens_per_second\":" rate "}"

typedef struct sample {
    vq_status (*report)(json_t **out, vq_err *e);
    const char *text; /* NULL: it is long, and stands in tests/cli */
} sample;

static const sample samples[] = {
    {report_plan,
     "{\"tensors\":[{\"name\":\"m\",\"role\":\"attn.q\",\"shape\":[2,3],\"scheme\":\"int4\","
     "\"rule\":\"rule 1\",\"bytes\":6}],\"bits_per_weight\":4.5,\"bits_per_weight_most\":9.5,"
     "\"bytes\":6,\"bytes_most\":8,\"peak_ram\":7,\"outside_ram\":3,\"disk\":9,\"disk_work\":11,"
     "\"out\":\"o\",\"own_text\":true,\"sources\":[],"
     "\"fits\":true,\"seconds\":28.0,"
     "\"stages\":{\"text\":1.0,\"gradients\":2.0,"
     "\"statistics\":3.0,\"transforms\":4.0,\"rounding\":5.0,\"tuning\":6.0,\"files\":7.0},"
     "\"options\":[{\"name\":\"threads\",\"value\":\"2\",\"origin\":\"flag\"}]}"},
    {report_quantize,
     "{\"out\":\"o\",\"files\":[{\"name\":\"a.json\",\"bytes\":3,\"sha256\":\"00\"},"
     "{\"name\":\"b.safetensors\",\"bytes\":4,\"sha256\":\"11\"}],\"bytes_in\":9,\"bytes_weights\":"
     "4,"
     "\"bytes_out\":7,"
     "\"bits_per_weight\":null,\"modules\":3,\"fallbacks\":1,\"worst\":[{\"name\":\"w\","
     "\"sqnr_db\":12.5},{\"name\":\"x\",\"sqnr_db\":300.0}],\"runtimes\":[\"vllm\"],"
     "\"runs\":false,\"calibration\":{\"kind\":"
     "\"statistics\",\"sha256\":\"22\",\"tokens\":16,\"seqlen\":8,\"statistics_sha256\":\"33\"},"
     "\"phases\":{\"plan\":1.0,\"round\":2.0,\"manifest\":3.0,\"verify\":4.0},\"seconds\":10.0,"
     "\"peak_bytes\":11,\"tune\":{\"kl_before\":0.5,\"kl_after\":0.25,\"held_out_tokens\":16}}"},
    {report_calibrate,
     "{\"out\":\"s.vqs\",\"holds\":\"range,hessian\",\"layers\":4,\"model\":\"44\","
     "\"calibration\":{\"kind\":\"text\",\"sha256\":\"22\",\"tokens\":16,\"seqlen\":8},"
     "\"seconds\":5.0,\"peak_bytes\":6,\"unseen_experts\":7,\"samples_too\":[\"r.yaml\"]}"},
    {report_mixed,
     "{\"out\":\"s.vqs\",\"holds\":\"range\",\"layers\":4,\"model\":\"44\",\"calibration\":{"
     "\"kind\":\"mix\",\"sha256\":\"\",\"tokens\":16,\"seqlen\":8,\"sources\":[{\"kind\":\"text\","
     "\"sha256\":\"22\",\"tokens\":8},{\"kind\":\"self\",\"sha256\":\"\",\"tokens\":8}]},"
     "\"seconds\":5.0,\"peak_bytes\":6,\"unseen_experts\":0,\"samples_too\":[],\"coverage\":{"
     "\"sources\":["
     "{\"name\":\"a.txt\",\"samples\":1,\"angle\":30.0,\"halves\":2.5,\"angles\":[0.0,30.0],"
     "\"farthest_angle\":30.0,\"farthest\":\"q\",\"farthest_layer\":2,\"alone\":0,"
     "\"alone_most\":null,\"alone_layer\":null},"
     "{\"name\":\"self\",\"samples\":1,\"angle\":30.0,\"halves\":null,\"angles\":[30.0,0.0],"
     "\"farthest_angle\":30.0,\"farthest\":\"q\",\"farthest_layer\":2,\"alone\":3,"
     "\"alone_most\":\"q\",\"alone_layer\":2}],"
     "\"layers\":[{\"name\":\"q\",\"k\":8,\"angles\":[[0.0,30.0],[30.0,0.0]],"
     "\"others\":[30.0,30.0],\"halves\":[2.5,null],\"alone\":[0,3]}]}}"},
    {report_merge, "{\"out\":\"s.vqs\",\"holds\":\"hessian\",\"files\":2,\"parts\":["
                   "{\"path\":\"a\",\"samples\":1,\"share\":0.75},{\"path\":\"b\",\"samples\":3,"
                   "\"share\":0.25}],\"samples\":4,\"seqlen\":8}"},
    {report_verified, "{\"tensors\":2,\"not_compared\":0,\"checked_kernels\":[\"decode_row\","
                      "\"avx2\"],\"failures\":[],\"worst\":null}"},
    {report_refused,
     "{\"tensors\":2,\"not_compared\":1,\"checked_kernels\":[\"decode_row\",\"avx2\"],"
     "\"failures\":[{\"tensor\":\"t\",\"what\":\"is wrong\"}],\"worst\":{\"tensor\":\"t\","
     "\"error\":0.5,\"bound\":0.0}}"},
    {report_alone,
     "{\"perplexity\":2.5,\"nll\":1.5,\"nll_stderr\":null,\"tokens\":8,\"windows\":1,\"window\":5,"
     "\"seconds\":4.0,\"tokens_per_second\":2.0,\"data_sha256\":\"55\"}"},
    {report_generate, "{\"text\":\"a\\n\",\"ids\":[7,9],\"stopped\":\"eos\",\"prompt_tokens\":3,"
                      "\"prompt_seconds\":0.5,\"seconds\":2.0}"},
    {report_paired,
     "{\"perplexity\":null,\"nll\":1000.0,\"nll_stderr\":1.0,\"tokens\":8,\"windows\":2,\"window\":"
     "5,"
     "\"seconds\":4.0,\"tokens_per_second\":2.0,\"data_sha256\":\"55\",\"ref\":{\"perplexity\":2.0,"
     "\"nll\":0.5,\"nll_stderr\":0.25,\"tokens\":8,\"windows\":2},\"delta_nll\":1.0,"
     "\"delta_nll_stderr\":2.0,\"kl\":3.0,\"kl_stderr\":4.0,\"top1_agreement\":0.5,"
     "\"top1_agreement_stderr\":0.125}"},
    {report_two_texts, "{" TWO_TEXTS("3.0", "7.0", "u", "7.0") RUN("4.0")},
    /* of equal ones the first is the worst */
    {report_two_models, "{\"models\":[{\"model\":\"m\"," TWO_TEXTS("3.0", "7.0", "u", "7.0")
                            OTHER_MODEL TWO_TEXTS("6.0", "6.0", "t", "6.0") "}]" RUN("8.0")},
    {report_artifact,
     "{\"kind\":\"artifact\",\"architecture\":\"llama\",\"quant_method\":\"vq\",\"can_run\":true,"
     "\"modules_by_scheme\":{\"weight x\":2},\"files\":[{\"name\":\"a.json\",\"bytes\":3}],"
     "\"bytes_by_dtype\":{\"U8\":3,\"F32\":4},\"roles\":[],\"tensors\":[{\"name\":\"t\",\"dtype\":"
     "\"U8\","
     "\"shape\":[2,3],\"bytes\":6},{\"name\":\"s\",\"dtype\":\"F32\",\"shape\":[],\"bytes\":4}]}"},
    {report_statistics,
     "{\"kind\":\"statistics\",\"version\":\"1\",\"model\":\"44\",\"data\":\"22\","
     "\"parts\":[{\"data\":\"22\",\"samples\":2,\"share\":1.0}],\"samples\":2,"
     "\"seqlen\":8,\"holds\":\"range,fisher\",\"bytes\":100,\"sha256\":\"66\",\"seed\":7,"
     "\"groups\":[{\"name\":\"g\",\"k\":8,\"tokens\":16,\"min\":-1.0,\"max\":2.0,\"trace\":3.0,"
     "\"diag_min\":0.5,\"diag_max\":1.0,\"dead\":0},{\"name\":\"h\",\"k\":8,\"tokens\":16}],"
     "\"linears\":[{\"name\":\"l\",\"input_trace\":1.0,\"input_diag_min\":2.0,"
     "\"input_diag_max\":3.0}]}"},
    {report_version, "{\"version\":\"" VQ_VERSION "\",\"isa\":\"ref\"}"},
    {report_pass, NULL},
    {report_recipes, NULL},
    {vq_report_schemes, NULL},
    {vq_report_passes, NULL},
};
#define SAMPLES (sizeof samples / sizeof *samples)

static void test_keys_and_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        vq_err e;
        json_t *o;
        char *text;
        assert_int_equal(samples[i].report(&o, &e), VQ_OK);
        assert_int_equal(vq_json_dump(o, JSON_COMPACT, "", &text, &e), VQ_OK);
        if (samples[i].text) assert_string_equal(text, samples[i].text);
        free(text);
        json_decref(o);
    }
}

static vq_status make(const void *ctx, vq_err *e)
{
    const sample *s = ctx;
    json_t *o;
    VQ_TRY(s->report(&o, e));
    json_decref(o);
    return VQ_OK;
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) failing_json(make, &samples[i], "no memory for the text");
}

static vq_status envelope(const char **want, char **text, vq_err *e)
{
    vq_envelope v;
    json_t *result = NULL;
    *text = NULL;
    vq_envelope_init(&v, "verify");
    vq_envelope_input(&v, "p", "00");
    vq_envelope_input(&v, "q\xff", NULL);
    vq_envelope_warning(&v, "code", "where", "text");
    vq_status s = report_verified(&result, e);
    if (s == VQ_OK) s = vq_envelope_text(&v, 1, NULL, result, text, e);
    json_decref(result);
    vq_envelope_done(&v);
    *want = "{\"schema\":\"vq.verify/1\",\"vq\":\"" VQ_VERSION "\",\"ok\":false,\"exit\":1,"
            "\"inputs\":[{\"path\":\"p\",\"sha256\":\"00\"},{\"path\":\"$'q\\\\xff'\",\"sha256\":"
            "null}],"
            "\"warnings\":[{\"code\":\"code\",\"where\":\"where\",\"text\":\"text\"}],"
            "\"result\":{\"tensors\":2,\"not_compared\":0,\"checked_kernels\":[\"decode_row\","
            "\"avx2\"],\"failures\":[],\"worst\":null}}";
    return s;
}

static vq_status make_envelope(const void *ctx, vq_err *e)
{
    const char *want;
    char *text;
    (void)ctx;
    const vq_status s = envelope(&want, &text, e);
    free(text);
    return s;
}

static void test_envelope(void **state)
{
    const char *want;
    char *text;
    vq_err e;
    (void)state;
    assert_int_equal(envelope(&want, &text, &e), VQ_OK);
    assert_string_equal(text, want);
    free(text);
    failing_json(make_envelope, NULL, "no memory for the text");
}

static void test_events(void **state)
{
    static const char *const want[] = {
        "{\"event\":\"progress\",\"phase\":\"p\",\"done\":1,\"total\":2,\"seconds\":0.5}",
        "{\"event\":\"line\",\"text\":\"t\"}",
        "{\"event\":\"warning\",\"code\":\"c\",\"where\":\"w\",\"text\":\"t\"}"};
    char *const got[] = {vq_event_progress("p", 1, 2, 0.5), vq_event_text("line", "t"),
                         vq_event_warning("c", "w", "t")};
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_string_equal(got[i], want[i]);
        free(got[i]);
    }
}

int main(void)
{
    json_set_alloc_funcs(failing_malloc, failing_free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_and_values),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
