/* test_hf_config.c -- what every model says in config.json: names, quantization, first and last
 * tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "formats/folder/hf_config.h"
#include "scratch.h"

static vq_status read_text(scratch *s, const char *text, vq_hf_config *c, vq_err *e)
{
    return vq_hf_config_read(c, scratch_text(s, "config.json", text), e);
}

static vq_status read_tokens(scratch *s, const char *text, vq_hf_config *c, vq_err *e)
{
    VQ_TRY(read_text(s, text, c, e));
    return vq_hf_config_tokens(c, scratch_path(s, "config.json"), 1, 2, e);
}

static void test_names(void **state)
{
    vq_hf_config c;
    vq_err e = {0};
    assert_int_equal(
        read_text(*state,
                  "{\"model_type\":\"mamba9\",\"architectures\":[\"MambaForCausalLM\"],"
                  "\"hidden_size\":[3],\"quantization_config\":{\"quant_method\":\"awq\"}}",
                  &c, &e),
        VQ_OK);
    assert_string_equal(c.model_type, "mamba9");
    assert_string_equal(c.architecture, "MambaForCausalLM");
    assert_string_equal(c.quant_method, "awq");
    assert_true(c.quantized);
    vq_hf_config_done(&c);
    assert_int_equal(read_text(*state, "{}", &c, &e), VQ_OK);
    assert_string_equal(c.model_type, "");
    assert_false(c.quantized);
    vq_hf_config_done(&c);
}

static void test_tokens(void **state)
{
    static const struct {
        const char *text;
        int64_t bos, eos[3];
        int count;
    } rows[] = {{"{}", 1, {2, -1, -1}, 1},
                {"{\"bos_token_id\":null,\"eos_token_id\":[5,6]}", -1, {5, 6, -1}, 2},
                {"{\"bos_token_id\":7,\"eos_token_id\":null}", 7, {-1, -1, -1}, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        vq_hf_config c;
        vq_err e = {0};
        assert_int_equal(read_tokens(*state, rows[i].text, &c, &e), VQ_OK);
        assert_int_equal(c.bos, rows[i].bos);
        assert_int_equal(c.eos_count, rows[i].count);
        for (int j = 0; j < 3; j++) assert_int_equal(c.eos[j], rows[i].eos[j]);
        vq_hf_config_done(&c);
    }
}

typedef struct refusal {
    const char *text, *message;
} refusal;

static const refusal refusals[] = {
    {"", "JSON"},
    {"[]", "not a JSON object"},
    {"{\"model_type\":7}", "model_type is not a string"},
    {"{\"model_type\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}",
     "model_type is longer than 63"},
    {"{\"architectures\":[3]}", "architectures is not a string"},
    {"{\"quantization_config\":3}", "quantization_config is not an object"},
};
static const refusal token_refusals[] = {
    {"{\"bos_token_id\":[1]}", "bos_token_id is not a token id"},
    {"{\"eos_token_id\":[1,\"x\"]}", "eos_token_id is not a token id"},
};

static void check_refusal(const refusal *r, vq_status s, const vq_err *e)
{
    if (s != VQ_E_INPUT || !strstr(e->text, r->message) || strncmp(e->text, "config.json", 11) != 0)
        fail_msg("%s: status %d: %s instead of %s", r->text, s, e->text, r->message);
}

static void test_refusals(void **state)
{
    vq_hf_config c;
    vq_err e = {0};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        check_refusal(&refusals[i], read_text(*state, refusals[i].text, &c, &e), &e);
        assert_null(c.root);
    }
    for (size_t i = 0; i < sizeof token_refusals / sizeof *token_refusals; i++) {
        check_refusal(&token_refusals[i], read_tokens(*state, token_refusals[i].text, &c, &e), &e);
        vq_hf_config_done(&c);
    }
    assert_int_equal(vq_hf_config_read(&c, scratch_path(*state, "absent.json"), NULL), VQ_E_INPUT);
}

static void test_generation(void **state)
{
    vq_hf_config c;
    vq_err e = {0};
    scratch_text(*state, "generation_config.json",
                 "{\"eos_token_id\":[9,10,11],\"temperature\":0.6}");
    assert_int_equal(read_tokens(*state, "{\"bos_token_id\":4,\"eos_token_id\":5}", &c, &e), VQ_OK);
    assert_int_equal(c.bos, 4);
    assert_int_equal(c.eos_count, 3);
    assert_int_equal(c.eos[2], 11);
    vq_hf_config_done(&c);
    scratch_text(*state, "generation_config.json", "{\"eos_token_id\":\"</s>\"}");
    assert_int_equal(read_tokens(*state, "{}", &c, &e), VQ_E_INPUT);
    assert_string_equal(e.text, "generation_config.json > eos_token_id is not a token id");
    vq_hf_config_done(&c);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {TEST(test_names), TEST(test_tokens), TEST(test_refusals),
                                       TEST(test_generation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
