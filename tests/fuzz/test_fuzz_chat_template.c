/* test_fuzz_chat_template.c -- whatever a template and a conversation say: one line of refusal, or
 * valid UTF-8 with a NUL behind it; within its bounds. Input: the template and, behind a zero byte,
 * the list of messages (without it one of ours). */
#include "replay.h"
#include "text/chat_template.h"
#include "text/utf8.h"

static const char messages[] =
    "[{\"role\":\"system\",\"content\":\" a\xc3\xa9 \"},{\"role\":\"user\",\"content\":\"b\\nc\"},"
    "{\"role\":\"assistant\",\"content\":null,\"calls\":[{\"name\":\"f\",\"arguments\":{\"x\":1.5}}"
    "]}]";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const size_t split = replay_split(data, n);
    json_t *list =
        split < n ? json_loadb((const char *)data + split + 1, n - split - 1, 0, NULL) : NULL;
    if (!json_is_array(list)) {
        json_decref(list);
        list = json_loads(messages, 0, NULL);
    }
    json_t *names = json_pack("{s:s, s:s}", "bos_token", "<s>", "eos_token", "</s>");
    const vq_chat_source source = {.text = (const char *)data, .len = split, .names = names};
    vq_chat_template *t;
    vq_err e = {0};
    vq_budget budget = {.limit = (size_t)1 << 30};
    vq_arena a;
    char *text;
    size_t len;
    vq_arena_init(&a, &budget);
    vq_status s = vq_chat_template_parse(&t, &source, &a, &e);
    if (s == VQ_OK) s = vq_chat_template_render(t, list, NULL, &a, &text, &len, &e);
    if (s == VQ_OK && (text[len] != '\0' || vq_utf8_check(text, len, "text", &e) != VQ_OK)) abort();
    if (s != VQ_OK && (s != VQ_E_INPUT || !e.text[0] || strchr(e.text, '\n'))) abort();
    vq_arena_done(&a);
    json_decref(list);
    json_decref(names);
    return 0;
}

REPLAY("chat_template", 6000, "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "~", "|", "(", ")", "[",
       "]", "{", "}", "'", "\"", "\\", ".", ",", ":", "=", "==", "//", "%", "*", " if ", " else ",
       " for ", " in ", " not ", " is ", " and ", "set ", "endfor", "endif", "elif", "macro f()",
       "endmacro", "loop", "messages", "namespace()", "range(9)", "none", "1",
       "9223372036854775807", "1e308", "0", "trim", "tojson", "length", "map('upper')", "split()",
       "items()", "\xff", "\xc3\xa9", "\\u00e9", "[::-1]")
