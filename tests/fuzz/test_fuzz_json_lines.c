/* test_fuzz_json_lines.c -- whatever a file of JSON lines holds: an object for each line, or one
 * line of refusal that names it. */
#include "replay.h"
#include "text/json_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    vq_json_lines l;
    vq_err e = {0};
    vq_arena a;
    vq_arena_init(&a, NULL);
    if (vq_json_lines_find(&l, "f", (const char *)data, n, &a, &e) != VQ_OK) abort();
    for (size_t i = 0; i < l.count; i++) {
        json_t *v;
        const vq_status s = vq_json_line(&l, i, &v, &e);
        if (l.lines[i].start + l.lines[i].len > n || l.lines[i].number == 0) abort();
        if (s == VQ_OK
                ? !json_is_object(v)
                : s != VQ_E_INPUT || v || strncmp(e.text, "f:", 2) != 0 || strchr(e.text, '\n'))
            abort();
        json_decref(v);
    }
    vq_arena_done(&a);
    return 0;
}

REPLAY("json_lines", 2000, "{", "}", "[", "]", ",", ":", "\"", "\n", "\r\n", "\\", "\\u0000",
       "\\ud800", "null", "{}", "\"text\"", "\"messages\"", "1e999", "99999999999999999999", "\xff",
       "\xef\xbb\xbf", "\t")
