/* test_chat_template.c -- what chat templates print (expected texts by Jinja itself, see the
 * cases), what they are refused for, and that no template runs long, deep or large. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "chat_template_cases.h"
#include "scratch.h"
#include "show.h"
#include "text/chat_template.h"

static const char conversation[] =
    "[{\"role\":\"system\",\"content\":\" Be brief. \"},{\"role\":\"user\",\"content\":\"Hi "
    "\\\"there\\\"\\n<b>\xc3\xa9\xe4\xb8\xad\"},"
    "{\"role\":\"assistant\",\"content\":\"Yes.\"},"
    "{\"role\":\"user\",\"content\":\"x\",\"extra\":{\"a\":[1,2.5,null,true,\"q'\"],\"b\":{}}}]";

static vq_status render(const char *text, const char *messages, char **out, size_t *len,
                        vq_arena *a, vq_err *e)
{
    json_t *names = json_pack("{s:s, s:{s:s}, s:s}", "bos_token", "<s>", "eos_token", "content",
                              "</s>", "model_max_length", "no token");
    json_t *list = json_loads(messages, 0, NULL);
    const vq_chat_source source = {.text = text, .len = strlen(text), .names = names};
    vq_chat_template *t;
    assert_non_null(list);
    vq_status s = vq_chat_template_parse(&t, &source, a, e);
    if (s == VQ_OK) s = vq_chat_template_render(t, list, NULL, a, out, len, e);
    json_decref(list);
    json_decref(names);
    return s;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vq_arena a;
        vq_err e = {0};
        char *out;
        size_t len;
        vq_arena_init(&a, NULL);
        if (render(cases[i].text, conversation, &out, &len, &a, &e) != VQ_OK)
            fail_msg("case %zu: %s", i, e.text);
        assert_string_equal(out, cases[i].expected);
        assert_int_equal(len, strlen(cases[i].expected));
        vq_arena_done(&a);
    }
}

static void expect_refused(const char *text, const char *cause)
{
    vq_arena a;
    vq_err e = {0};
    char *out;
    size_t len;
    vq_arena_init(&a, NULL);
    assert_int_equal(render(text, conversation, &out, &len, &a, &e), VQ_E_INPUT);
    if (!strstr(e.text, cause)) fail_msg("\"%s\" lacks \"%s\"", e.text, cause);
    vq_arena_done(&a);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *text, *cause;
    } refused[] = {
        {"a\nb\n{% include 'x' %}", "line 3: {% include %} is not supported"},
        {"{{ 1 }}\n{{ 2 | wordwrap(3) }}", "line 2: the filter \"wordwrap\" is not supported"},
        {"{% if x is escaped %}{% endif %}", "line 1: the test \"escaped\" is not supported"},
        {"\n\n{{ strftime_now('%s') }}", "line 3: strftime_now(): %s is no date"},
        {"{{ 'a'.encode('x') }}", "line 1: \"encode\" is a method"},
        {"{{ messages.append(1) }}", "line 1: \"append\" is a method"},
        {"{{ messages[0].items }}", "line 1: \"items\" is a method"},
        {"\n{% raw %}{{ x {% end raw %}", "line 2: the block has no {% endraw %}"},
        {"{% for m in messages %}{{ loop(m) }}{% endfor %}", "loop is called"},
        {"{{ 2 ** 63 }}", "a whole number beyond 64 bits"},
        {"{% call messages %}{% endcall %}", "{% call %} without a call"},
        {"{{ messages | select }}", "a generator is printed"},
        {"{{ messages | select | length }}", "the length of a generator"},
        {"{{ '%y' % 1 }}", "without a letter that is supported"},
        {"{{ '%9999d' % 1 }}", "a width or a precision beyond 999"},
        {"{{ '{:>3}'.format(1) }}", "\"{:>3}\" is not supported"},
        {"{{ raise_exception('no ' ~ messages[0].role) }}",
         "line 1: the template refuses: no system"},
        {"{{ nothing.role }}", "line 1: \"nothing\" is undefined"},
        {"{{ messages[9].role }}", "line 1: \"the item\" is undefined"},
        {"{{ 'a' + none }}", "line 1: a string + none"},
        {"{{ messages[0].content.nothing() }}",
         "the method \"nothing\" of a string is not supported"},
        {"{% set x.y = 1 %}", "\"x.y\" is set, but \"x\" is no namespace"},
        {"{{ 9223372036854775807 + 1 }}", "a whole number beyond 64 bits"},
        {"{{ 99999999999999999999 }}", "is too large"},
        {"{{ 1 // 0 }}", "a division by zero"},
        {"{{ 'abc'[::0] }}", "a slice with step 0"},
        {"{% break %}", "{% break %} outside of a loop"},
        {"{% for a, b in [[1]] %}{% endfor %}", "1 values for another number of names"},
        {"\n{% if true %}", "the block of line 2 has no {% elif %}"},
        {"{% endif %}", "{% endif %} belongs to nothing"},
        {"{{ (1 }}", "closes nothing"},
        {"{{ 'a }}", "line 1: the string has no end"},
        {"{{ a", "line 1: the tag has no end"},
        {"{# a", "line 1: the comment has no end"},
        {"{{ a ? b }}", "line 1: \"?\" inside a tag"},
        {"{{ '\\ud800' }}", "names no character"},
        {"{{ f(*1) }}", "a number behind a \"*\""},
        {"{{ 'a' | trim(1, 2) }}", "\"trim\" is not supported with that many arguments"},
        {"{{ 'a' | tojson(sort=true) }}", "\"tojson\" is not supported with sort"},
        {"\xff", "the template is not UTF-8 at byte 0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        expect_refused(refused[i].text, refused[i].cause);
}

/* head, n times middle, between, n times behind, tail */
static void expect_bounded(const char *head, const char *middle, size_t n, const char *between,
                           const char *behind, const char *tail, const char *cause)
{
    const size_t room =
        strlen(head) + n * (strlen(middle) + strlen(behind)) + strlen(between) + strlen(tail) + 1;
    char *text = malloc(room), *at = text;
    assert_non_null(text);
    at = stpcpy(at, head);
    for (size_t i = 0; i < n; i++) at = stpcpy(at, middle);
    at = stpcpy(at, between);
    for (size_t i = 0; i < n; i++) at = stpcpy(at, behind);
    (void)stpcpy(at, tail);
    expect_refused(text, cause);
    free(text);
}

static void test_bounds(void **state)
{
    (void)state;
    expect_refused("{% for a in range(2000000000) %}{% endfor %}",
                   "too many steps or too much memory");
    expect_refused("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
                   "too many steps or too much memory");
    expect_refused("{% set n = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set n.s = n.s "
                   "~ n.s %}{% endfor %}",
                   "too many steps");
    expect_refused("{% set n = namespace(l=[]) %}{% for i in range(99) %}{% set n.l = [n.l, n.l] "
                   "%}{% endfor %}",
                   "nested more than 64 deep");
    expect_refused("{% set n = namespace(l=[1]) %}{% for i in range(50) %}{% set n.l = [n.l, n.l] "
                   "%}{% endfor %}{{ n.l }}",
                   "too many steps");
    expect_refused("{% set n = namespace(l=[1]) %}{% for i in range(50) %}{% set n.l = [n.l, n.l] "
                   "%}{% endfor %}{{ n.l == n.l }}",
                   "too many steps");
    expect_refused("{{ 'a' * 99999999999 }}", "too many steps or too much memory");
    expect_refused("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nested more than 300 deep");
    expect_bounded("{{ ", "(", 9999, "1", ")", " }}", "nested more than 60 deep");
    expect_bounded("{{ ", "[", 9999, "1", "]", " }}", "nested more than 60 deep");
    expect_bounded("{{ 1", "+1", 9999, "", "", " }}", "nested more than 300 deep");
    expect_bounded("{{ ", "not ", 9999, "1", "", " }}", "repeated more than 60 times");
    expect_bounded("{{ ", "-", 9999, "1", "", " }}", "nested more than 60 deep");
    expect_bounded("", "{% if 1 %}", 999, "", "{% endif %}", "",
                   "signs are nested more than 60 deep");
    expect_bounded("", "x", (1 << 18) + 1, "", "", "", "bytes are too many");
}

/* What reads long texts again and again spends their bytes. */
static void test_long_texts(void **state)
{
    static const char *const each[] = {
        "{% set z = k.split('b') %}",          "{{ k.strip(q) }}",
        "{% if k.startswith(k) %}{% endif %}", "{% set z = l | map(attribute=k) %}",
        "{% set z = k | replace(k, '') %}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{%% set k = 'a' * 10000000 %%}{%% set q = 'a' * 9 ~ 'b' %%}{%% set l = "
                 "range(99999) %%}{%% for i in range(9999999) %%}%s{%% endfor %%}",
                 each[i]);
        expect_refused(text, "too many steps or too much memory");
    }
    const char *many = "{% set n = namespace() %}{% for i in range(99999) %}{% set n.aaaaa";
    expect_bounded(many, "a", 130, " = 1 %}{% endfor %}", "", "", "bytes is too long");
}

/* What a template takes beyond its own share for each conversation adds up, so that a file of many
 * lines does not multiply it; a plain one goes on for ever. */
static size_t renderings(const char *text, size_t most, vq_err *e)
{
    const vq_chat_source source = {.text = text, .len = strlen(text)};
    vq_chat_template *t;
    vq_arena a, work;
    char *out;
    size_t len, n = 0;
    vq_arena_init(&a, NULL);
    vq_arena_init(&work, NULL);
    json_t *messages = json_loads(conversation, 0, NULL);
    vq_status s = vq_chat_template_parse(&t, &source, &a, e);
    while (s == VQ_OK && n < most) {
        const vq_arena_mark mark = vq_arena_here(&work);
        s = vq_chat_template_render(t, messages, NULL, &work, &out, &len, e);
        vq_arena_rewind(&work, mark);
        n += s == VQ_OK;
    }
    json_decref(messages);
    vq_arena_done(&work);
    vq_arena_done(&a);
    return n;
}

static void test_many(void **state)
{
    vq_err e = {0};
    (void)state;
    const size_t n = renderings("{% for a in range(100000) %}{% endfor %}", 100, &e);
    assert_gt(n, 1);
    assert_lt(n, 30);
    assert_non_null(strstr(e.text, "too many steps or too much memory"));
    assert_eq(renderings("{% for m in messages %}{{ m.role ~ m.content }}{% endfor %}", 2000, &e),
              2000);
}

static void test_stop(void **state)
{
    static const volatile sig_atomic_t stop = 1;
    const vq_reporter w = {.stop = &stop};
    const vq_chat_source source = {.text = "{{ 1 }}", .len = 7};
    vq_chat_template *t;
    vq_arena a;
    vq_err e = {0};
    char *out;
    size_t len;
    (void)state;
    vq_arena_init(&a, NULL);
    json_t *messages = json_loads(conversation, 0, NULL);
    assert_int_equal(vq_chat_template_parse(&t, &source, &a, &e), VQ_OK);
    vq_chat_template_heed(t, &w);
    assert_int_equal(vq_chat_template_render(t, messages, NULL, &a, &out, &len, &e), VQ_E_STOPPED);
    json_decref(messages);
    vq_arena_done(&a);
}

static void test_deep_input(void **state)
{
    char deep[512] = "[{\"role\":\"user\",\"content\":";
    vq_arena a;
    vq_err e = {0};
    char *out;
    size_t len;
    (void)state;
    for (int i = 0; i < 100; i++) strcat(deep, "[");
    for (int i = 0; i < 100; i++) strcat(deep, "]");
    strcat(deep, "}]");
    vq_arena_init(&a, NULL);
    assert_int_equal(render("x", deep, &out, &len, &a, &e), VQ_E_INPUT);
    assert_non_null(strstr(e.text, "nested more than 64 deep"));
    vq_arena_done(&a);
}

/* Every budget ends in text or in a clean VQ_E_LIMIT. */
static void test_no_memory(void **state)
{
    (void)state;
    vq_status s = VQ_E_LIMIT;
    for (size_t n = 1; s != VQ_OK; n++) {
        vq_budget budget = {.fail_in = n};
        vq_arena a;
        vq_err e = {0};
        char *out;
        size_t len;
        vq_arena_init(&a, &budget);
        s = render(cases[0].text, conversation, &out, &len, &a, &e);
        assert_true(s == VQ_OK || (s == VQ_E_LIMIT && e.text[0]));
        vq_arena_done(&a);
        assert_lt(n, 100000);
    }
}

static void expect_opened(scratch *s, const char *expected)
{
    vq_arena a;
    vq_err e = {0};
    vq_chat_template *t;
    char *out;
    size_t len;
    vq_arena_init(&a, NULL);
    if (vq_chat_template_open(&t, s->dir, &a, &e) != VQ_OK) fail_msg("%s", e.text);
    assert_eq(!t, !expected);
    json_t *messages = json_loads(conversation, 0, NULL);
    if (t) assert_int_equal(vq_chat_template_render(t, messages, NULL, &a, &out, &len, &e), VQ_OK);
    if (t) assert_string_equal(out, expected);
    json_decref(messages);
    vq_arena_done(&a);
}

static void expect_unopened(scratch *s, const char *cause)
{
    vq_arena a;
    vq_err e = {0};
    vq_chat_template *t;
    vq_arena_init(&a, NULL);
    assert_int_equal(vq_chat_template_open(&t, s->dir, &a, &e), VQ_E_INPUT);
    assert_null(t);
    if (!strstr(e.text, cause)) fail_msg("\"%s\" lacks \"%s\"", e.text, cause);
    vq_arena_done(&a);
}

/* The file beside the model wins; without it the config's text, or its list's "default". */
static void test_folder(void **state)
{
    scratch *s = *state;
    expect_opened(s, NULL);
    scratch_text(s, "tokenizer_config.json", "{\"eos_token\":\"<e>\"}");
    expect_opened(s, NULL);
    scratch_text(s, "tokenizer_config.json",
                 "{\"eos_token\":\"<e>\",\"chat_template\":\"one{{ eos_token }}\"}");
    expect_opened(s, "one<e>");
    scratch_text(s, "tokenizer_config.json",
                 "{\"bos_token\":{\"content\":\"<b>\"},\"chat_template\":[{\"name\":\"tool_use\","
                 "\"template\":\"no\"},"
                 "{\"name\":\"default\",\"template\":\"two{{ bos_token }}\"}]}");
    expect_opened(s, "two<b>");
    scratch_text(s, "chat_template.jinja", "three{{ bos_token }}\n");
    expect_opened(s, "three<b>");
    scratch_text(s, "chat_template.jinja", "\n{% include x %}");
    expect_unopened(s, "chat_template.jinja > line 2: {% include %} is not supported");
    assert_int_equal(remove(scratch_path(s, "chat_template.jinja")), 0);
    scratch_text(s, "tokenizer_config.json", "{\"chat_template\":3}");
    expect_unopened(s, "\"chat_template\" is neither text nor a list of named texts");
    scratch_text(s, "tokenizer_config.json", "{\"chat_template\":");
    expect_unopened(s, "tokenizer_config.json > broken JSON");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_deep_input),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test_setup_teardown(test_folder, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
