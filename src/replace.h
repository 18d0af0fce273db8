/* A file that is replaced as a whole or not at all. */
#ifndef TIK_SRC_REPLACE_H
#define TIK_SRC_REPLACE_H

#include <tikhonov/base.h>
#include <tikhonov/status.h>

struct tik_replacement {
    const char *path; /* as the caller named it, for messages */
    char *target;     /* the file itself, symbolic links followed */
    char *folder;     /* the folder that it is in */
    char *temporary;  /* what is written meanwhile, in the same folder; NULL: nothing is there */
    int file;         /* open for writing; -1 once closed */
};

/*
 * Opens a new file beside `path`, of an unpredictable name; its mode is that of the file it is to
 * replace, otherwise as the umask has it. tik_replace_finish is due in any case.
 * TIK_OK; TIK_ERROR_FILE; TIK_ERROR_MEMORY.
 */
enum tik_status tik_replace_begin(struct tik_replacement *replacement, const char *path);

enum tik_status tik_replace_write(struct tik_replacement *replacement, const void *bytes,
                                  size_t count);

/* Flushes it to the disk and closes it: after this only the renaming is left. */
enum tik_status tik_replace_flush(struct tik_replacement *replacement);

/* Puts it in the file's place, and flushes the folder. */
enum tik_status tik_replace_commit(struct tik_replacement *replacement);

/* Removes what was written where it was not committed. */
void tik_replace_finish(struct tik_replacement *replacement);

/* Whether both would become the same file. */
bool tik_replace_same(const struct tik_replacement *a, const struct tik_replacement *b);

#endif
