/* chat_template.h -- the chat template of a model folder: conversations to text as transformers
 * renders them.
 *   statements   {{ }}, for (if, else, recursive, break, continue), if/elif/else, set (names, pairs,
 *                namespace members, blocks with filters), macro, call, filter, with, raw, generation
 *   expressions  literals, lists, tuples, maps, attributes, items, slices, calls (with *a and **a),
 *                filters, tests, + - * / // % ** ~, comparisons, in, and or not, a if b else c
 *   names        namespace, dict, range, raise_exception, loop, caller; Jinja's filters but
 *                filesizeformat, pprint, random, striptags, urlencode, urlize, wordwrap, xmlattr and
 *                attr; its tests but escaped; Python's methods of strings, lists and maps that
 *                change nothing
 *   white space  {%- -%}, {%+ +%} and what trim_blocks and lstrip_blocks do
 * An interpreter of its own with no access to anything: a template sees messages, tools, the special
 * tokens of tokenizer_config.json and add_generation_prompt (false, until vq_chat_template_ask).
 * Anything else is refused by name and line; there is no clock (strftime_now is undefined, so that a
 * template takes the date it falls back to; called all the same, it gives 26 July 2024). Steps,
 * memory and nesting are bounded. What Jinja has as a generator (select, map, items, batch ...) is
 * true, has no length and is not printed, as there, but may be walked twice. Whole numbers have 64
 * bits, the keys of maps are texts, letters are changed to upper and lower case one by one. Source:
 * Jinja 3.1 and transformers 5 (behaviour). test tests/unit/text/test_chat_template.c,
 * tests/text/test_template_cases.c, tests/fuzz/test_fuzz_chat_template.c */
#ifndef VQ_TEXT_CHAT_TEMPLATE_H
#define VQ_TEXT_CHAT_TEMPLATE_H

#include <jansson.h>

#include "base/arena.h"
#include "base/reporter.h"

typedef struct vq_chat_template vq_chat_template;

/* The text of a template and the names that it may use; all borrowed. */
typedef struct vq_chat_source {
    const char *text; /* UTF-8, len bytes */
    size_t len;
    const json_t *names; /* object: bos_token, eos_token, ...; NULL: none */
} vq_chat_source;

/* vq_chat_template_open -- the template of a model folder: chat_template.jinja, else
 * "chat_template" of tokenizer_config.json (text, or a list of named ones: "default"). *t NULL,
 * VQ_OK: the folder has none. VQ_E_INPUT: broken, or a construct outside the subset. Memory from a.
 */
vq_status vq_chat_template_open(vq_chat_template **t, const char *dir, vq_arena *a, vq_err *e);
/* vq_chat_template_parse -- the same from memory; the source is copied. */
vq_status vq_chat_template_parse(vq_chat_template **t, const vq_chat_source *s, vq_arena *a,
                                 vq_err *e);
/* vq_chat_template_ask -- what is rendered from here on ends where the model answers. */
void vq_chat_template_ask(vq_chat_template *t);
/* vq_chat_template_heed -- renderings leave with VQ_E_STOPPED when w says so. */
void vq_chat_template_heed(vq_chat_template *t, const vq_reporter *w);
/* vq_chat_template_render -- one conversation: messages a list of objects, tools a list or NULL.
 * Text of *len bytes from a. VQ_E_INPUT: what the template refuses (raise_exception), something
 * undefined is used, too many steps; with the template's line. */
vq_status vq_chat_template_render(const vq_chat_template *t, const json_t *messages,
                                  const json_t *tools, vq_arena *a, char **text, size_t *len,
                                  vq_err *e);

#endif
