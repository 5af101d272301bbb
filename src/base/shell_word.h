/* shell_word.h -- names that are not UTF-8, as text that is: $'caf\xe9', as a shell reads them.
 * test tests/unit/base/test_shell_word.c */
#ifndef VQ_BASE_SHELL_WORD_H
#define VQ_BASE_SHELL_WORD_H

#include <stdbool.h>
#include <stddef.h>

bool vq_is_utf8(const char *text);
/* vq_shell_word -- text as $'...' into buf, every byte below 32 and above 126 as \xNN, a backslash
 * before quotes and backslashes; cut to len. Returns the length of all of it, without the NUL. */
size_t vq_shell_word(char *buf, size_t len, const char *text);
/* vq_is_shell_word -- does text look as if vq_shell_word had made it of what is not UTF-8? */
bool vq_is_shell_word(const char *text);
/* vq_shell_word_back -- what vq_shell_word was given, in place; another text stays as it is. */
void vq_shell_word_back(char *text);

#endif
