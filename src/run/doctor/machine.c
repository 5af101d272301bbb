/* machine.c -- processor, memory, disk and libraries of this machine. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "run/doctor/machine.h"

#include <cblas.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utf8proc.h>
#include <yaml.h>

enum { LINE = 8192 };

/* What stands behind "KEY...: " in a file of such lines, into text; "" when it is not there. */
static void value_of(const char *path, const char *key, char text[LINE])
{
    char line[LINE];
    text[0] = 0;
    FILE *f = fopen(path, "r");
    while (f && !*text && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (!colon || strncmp(line, key, strlen(key)) != 0) continue;
        const char *value = colon + 1 + strspn(colon + 1, " \t");
        (void)snprintf(text, LINE, "%.*s", (int)strcspn(value, "\n"), value);
    }
    if (f) (void)fclose(f);
}

static uint64_t kilobytes_of(const char *path, const char *key)
{
    char text[LINE];
    value_of(path, key, text);
    return strtoull(text, NULL, 10) << 10;
}

uint64_t vq_machine_memory_free(void)
{
    return kilobytes_of("/proc/meminfo", "MemAvailable");
}

static bool has_word(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ' ') && (!p[n] || p[n] == ' ')) return true;
    return false;
}

/* Of the processor's features those that kernels and libraries choose by. */
static const char *features(vq_arena *a, vq_err *e)
{
    static const char *const asked[] = {"avx2",        "fma",      "f16c",     "avx512f",
                                        "avx512bw",    "avx512dq", "avx512vl", "avx512_vnni",
                                        "avx512_bf16", "amx_tile", "amx_bf16", "asimd"};
    char flags[LINE], found[256] = "";
    value_of("/proc/cpuinfo", "flags", flags);
    if (!*flags) value_of("/proc/cpuinfo", "Features", flags);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        const size_t used = strlen(found);
        if (has_word(flags, asked[i]))
            (void)snprintf(found + used, sizeof found - used, "%s%s", used ? " " : "", asked[i]);
    }
    return vq_arena_text(a, e, "%s", found);
}

static const char *libraries(vq_arena *a, vq_err *e)
{
    char pcre[64] = "";
    int major, minor, patch;
    (void)pcre2_config(PCRE2_CONFIG_VERSION, pcre);
    yaml_get_version(&major, &minor, &patch);
    return vq_arena_text(a, e, "jansson %s, libyaml %d.%d.%d, pcre2 %.*s, utf8proc %s, %s",
                         JANSSON_VERSION, major, minor, patch, (int)strcspn(pcre, " "), pcre,
                         utf8proc_version(), OpenSSL_version(OPENSSL_VERSION));
}

static uint64_t free_disk(void)
{
    struct statvfs v;
    return statvfs(".", &v) == 0 ? (uint64_t)v.f_bavail * v.f_frsize : 0;
}

vq_status vq_machine_tell(const vq_job *job, vq_doctor_result *r, vq_arena *a, vq_err *e)
{
    char cpu[LINE];
    value_of("/proc/cpuinfo", "model name", cpu);
    *r = (vq_doctor_result){
        .version = VQ_VERSION,
        .cpu = vq_arena_text(a, e, "%s", cpu),
        .features = features(a, e),
        .isa = job->kernels.isa,
        .threads = job->threads,
        .processors = (int)sysconf(_SC_NPROCESSORS_ONLN),
        .memory = kilobytes_of("/proc/meminfo", "MemTotal"),
        .memory_free = vq_machine_memory_free(),
        .page = (uint64_t)sysconf(_SC_PAGESIZE),
        .disk_free = free_disk(),
        .blas = vq_arena_text(a, e, "%s, running as %s", openblas_get_config(),
                              openblas_get_corename()),
        .libraries = libraries(a, e),
    };
    return r->cpu && r->features && r->blas && r->libraries ? VQ_OK : e->status;
}
