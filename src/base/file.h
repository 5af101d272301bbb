/* file.h -- mapped inputs, outputs that appear whole or not at all, folders, hashes. Paths are
 * UTF-8, sizes bytes. */
#ifndef VQ_BASE_FILE_H
#define VQ_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

typedef struct vq_watch vq_watch; /* of what a file or folder was when reading it began */
typedef struct vq_map {
    const uint8_t *data; /* read-only, borrowed until vq_map_close */
    size_t size;
    vq_watch *watch;
} vq_map;

/* vq_map_open -- map a regular file read-only. VQ_E_INPUT: missing, a folder, empty is allowed
 * (data non-NULL); VQ_E_LIMIT: no address space; VQ_E_IO: the system refused. */
vq_status vq_map_open(vq_map *m, const char *path, vq_err *e);
void vq_map_close(vq_map *m);
/* vq_maps_guard -- from now on a page of a mapped file that cannot be read (somebody cut the file
 * short, a disk fails) reads as zeros and is noted, instead of SIGBUS ending the process. */
void vq_maps_guard(void);
/* vq_folder_watch -- from here to vq_unwatch the folder PATH is to be the same one, not another that
 * took its name (--force does that), for its files are one thing: one that is opened again has to be
 * what it was the first time (vq_map_open: VQ_E_IO; vq_exists: yes). NULL: not there, or no memory.
 * vq_unwatch takes NULL. */
vq_watch *vq_folder_watch(const char *path);
void vq_unwatch(vq_watch *w);
/* vq_maps_broken -- was such a page read? vq_maps_check -- VQ_E_IO, naming it, when a file was cut
 * short or written to while it was mapped, or a watched folder replaced; asked before anything gets its final name.
 * test tests/unit/base/test_map.c */
bool vq_maps_broken(void);
vq_status vq_maps_check(vq_err *e);
/* vq_map_may_change -- an open file that is no input: vq_maps_check leaves it out. vq_map_changed --
 * was it written to since it was opened? Then its bytes mean nothing. test tests/cli/beside.sh */
void vq_map_may_change(vq_map *m);
bool vq_map_changed(const vq_map *m);
/* vq_map_forget -- pages read so far need not stay in memory; they come back from the file when
 * they are read again. */
void vq_map_forget(const vq_map *m);
void vq_mapped_forget(const void *data, size_t n); /* the same of a part of a map */

/* vq_out -- a file under construction: PATH.part until vq_out_commit syncs and renames it. */
typedef struct vq_out {
    int fd;
    char path[4096];
    struct vq_out *next; /* under construction; vq_out_open to commit or drop: it does not move */
} vq_out;
/* vq_out_open -- create PATH.part of `size` bytes (space is reserved, so a full disk fails here).
 * VQ_E_LIMIT: no space. VQ_E_RECIPE: another process writes it. */
vq_status vq_out_open(vq_out *o, const char *path, uint64_t size, vq_err *e);
vq_status vq_out_write(vq_out *o, uint64_t offset, const void *data, size_t n,
                       vq_err *e); /* thread-safe */
vq_status vq_out_commit(vq_out *o, vq_err *e);
void vq_out_drop(vq_out *o); /* close and remove the .part; harmless after commit */
void vq_outs_abandon(void);  /* drop all that are under construction: the process ends */

/* vq_write_file -- a whole small file through vq_out. */
vq_status vq_write_file(const char *path, const void *data, size_t n, vq_err *e);

bool vq_is_dir(const char *path); /* or a link to one */
bool vq_is_link(const char *path);
bool vq_is_file(const char *path); /* a regular one, no link to one */
bool vq_exists(const char *path);  /* be it a link to nothing */
vq_status vq_make_dir(const char *path,
                      vq_err *e); /* parents are not made; existing folder is fine */
/* vq_remove -- a file, or a folder that vq made with all below; links go, what they lead to stays.
 * Nothing there is fine. */
vq_status vq_remove(const char *path, vq_err *e);
vq_status vq_rename(const char *from, const char *to, vq_err *e); /* syncs the parent folder */
/* vq_rename_new -- the same; VQ_E_IO: there is something of that name. */
vq_status vq_rename_new(const char *from, const char *to, vq_err *e);
/* vq_exchange -- two folders of one file system change names, in one step where it can do that. */
vq_status vq_exchange(const char *a, const char *b, vq_err *e);
/* vq_real_path -- without links, . and ..; of what is not there yet its folder's, with the name
 * behind it. In the arena; VQ_E_IO: its folder is not there. */
const char *vq_real_path(const char *path, vq_arena *a, vq_err *e);
/* vq_check_space -- VQ_E_LIMIT: the disk of the folder has fewer bytes left. */
vq_status vq_check_space(const char *dir, uint64_t bytes, vq_err *e);
/* vq_list_dir -- names (no . and ..) sorted by bytes; owned by the arena. */
vq_status vq_list_dir(const char *path, vq_arena *a, const char *const **names, size_t *n,
                      vq_err *e);
/* vq_list_tree -- the same of all that is no folder, also in folders inside, as "folder/name"; links
 * to folders are not entered and count as files. VQ_E_INPUT: folders 16 deep. */
vq_status vq_list_tree(const char *path, vq_arena *a, const char *const **names, size_t *n,
                       vq_err *e);
/* vq_join -- "dir/name" in the arena. */
char *vq_join(vq_arena *a, const char *dir, const char *name, vq_err *e);
/* vq_ends_with, vq_lists -- of names: how one ends; is one among n? */
bool vq_ends_with(const char *name, const char *end);
bool vq_lists(const char *const *names, size_t n, const char *name);
/* vq_base_name -- last component, borrowed. */
const char *vq_base_name(const char *path);

#define VQ_SHA256_TEXT 65
typedef struct vq_sha256 vq_sha256;
vq_sha256 *vq_sha256_new(void); /* NULL when there is no memory */
void vq_sha256_add(vq_sha256 *h, const void *data, size_t n);
void vq_sha256_done(vq_sha256 *h, char text[VQ_SHA256_TEXT]); /* lower-case hex; frees h */
void vq_sha256_of(const void *data, size_t n, char text[VQ_SHA256_TEXT]);
/* vq_sha256_map -- of a whole file; what was read is forgotten on the way, so that a model does not
 * count as resident. */
void vq_sha256_map(const vq_map *m, char text[VQ_SHA256_TEXT]);

#endif
