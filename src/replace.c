/* Replacing files: written beside, flushed, renamed. */
#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

/* Links in a row that are followed, as in the kernel. */
#define LINK_LIMIT 40

static enum tik_status failure(const struct tik_replacement *replacement, const char *what)
{
    return tik_error_set(TIK_ERROR_FILE, "%s: %s: %s", replacement->path, what, strerror(errno));
}

static enum tik_status no_memory(const char *path)
{
    return tik_error_memory("the name of a file", strlen(path));
}

/* The part of `path` before its last name: "", "/" or "a/b/". */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

/* `folder_of` without its last name, then `name`. NULL: no memory. */
static char *beside(const char *folder_of, const char *name)
{
    const size_t length = name[0] == '/' ? 0 : folder_length(folder_of);
    char *path = malloc(length + strlen(name) + 1);
    if (path != NULL) {
        memcpy(path, folder_of, length);
        strcpy(path + length, name);
    }
    return path;
}

/* Follows symbolic links to the file itself, which need not be there yet. */
static enum tik_status follow(struct tik_replacement *replacement)
{
    replacement->target = strdup(replacement->path);
    for (int links = 0; replacement->target != NULL; links++) {
        char next[4096];
        const ssize_t length = readlink(replacement->target, next, sizeof next);
        if (length < 0 && (errno == EINVAL || errno == ENOENT))
            return TIK_OK;
        if (length < 0)
            return failure(replacement, "cannot be written");
        if (links == LINK_LIMIT || (size_t)length == sizeof next) {
            errno = links == LINK_LIMIT ? ELOOP : ENAMETOOLONG;
            return failure(replacement, "cannot be written");
        }
        next[length] = '\0';
        char *path = beside(replacement->target, next);
        free(replacement->target);
        replacement->target = path;
    }
    return no_memory(replacement->path);
}

/* The name is taken from mkstemp, so that nobody can guess it and put a link there. */
static enum tik_status open_beside(struct tik_replacement *replacement, const struct stat *old)
{
    replacement->temporary = beside(replacement->target, ".tikhonov-XXXXXX");
    if (replacement->temporary == NULL)
        return no_memory(replacement->path);
    replacement->file = mkstemp(replacement->temporary);
    if (replacement->file >= 0 && old != NULL)
        return fchmod(replacement->file, old->st_mode & 0777) == 0
                   ? TIK_OK
                   : failure(replacement, "cannot be given its mode");

    /* Only open(2) applies the umask without asking for it, which would not be thread-safe. */
    if (replacement->file >= 0) {
        close(replacement->file);
        unlink(replacement->temporary);
        replacement->file = open(replacement->temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
    }
    if (replacement->file >= 0)
        return TIK_OK;
    const enum tik_status status = failure(replacement, "cannot be written in its folder");
    free(replacement->temporary);
    replacement->temporary = NULL;
    return status;
}

enum tik_status tik_replace_begin(struct tik_replacement *replacement, const char *path)
{
    *replacement = (struct tik_replacement){.path = path, .file = -1};
    enum tik_status status = follow(replacement);
    if (status != TIK_OK)
        return status;
    const size_t length = folder_length(replacement->target);
    if (replacement->target[length] == '\0')
        return tik_error_set(TIK_ERROR_FILE, "'%s' is not the name of a file", path);
    replacement->folder = length > 0 ? strndup(replacement->target, length) : strdup(".");
    if (replacement->folder == NULL)
        return no_memory(path);

    struct stat old;
    if (stat(replacement->target, &old) != 0)
        return errno == ENOENT ? open_beside(replacement, NULL)
                               : failure(replacement, "cannot be written");
    if (!S_ISREG(old.st_mode))
        return tik_error_set(TIK_ERROR_FILE, "%s: it is not a regular file", path);
    if (access(replacement->target, W_OK) != 0)
        return failure(replacement, "cannot be written");
    return open_beside(replacement, &old);
}

enum tik_status tik_replace_write(struct tik_replacement *replacement, const void *bytes,
                                  size_t count)
{
    for (size_t done = 0; done < count;) {
        const ssize_t n = write(replacement->file, (const char *)bytes + done, count - done);
        if (n < 0 && errno != EINTR)
            return failure(replacement, "cannot be written");
        done += n > 0 ? (size_t)n : 0;
    }
    return TIK_OK;
}

enum tik_status tik_replace_flush(struct tik_replacement *replacement)
{
    if (fsync(replacement->file) != 0)
        return failure(replacement, "cannot be flushed to the disk");
    const int file = replacement->file;
    replacement->file = -1;
    return close(file) == 0 ? TIK_OK : failure(replacement, "cannot be written");
}

enum tik_status tik_replace_commit(struct tik_replacement *replacement)
{
    if (rename(replacement->temporary, replacement->target) != 0)
        return failure(replacement, "cannot be renamed into its place");
    free(replacement->temporary);
    replacement->temporary = NULL;

    /* A folder that may not be read, or a file system that flushes no folders, is no failure. */
    const int folder = open(replacement->folder, O_RDONLY | O_CLOEXEC);
    if (folder < 0)
        return TIK_OK;
    const bool flushed = fsync(folder) == 0 || errno == EINVAL || errno == EROFS;
    const enum tik_status status =
        flushed ? TIK_OK : failure(replacement, "is written, but its folder cannot be flushed");
    close(folder);
    return status;
}

void tik_replace_finish(struct tik_replacement *replacement)
{
    if (replacement->file >= 0)
        close(replacement->file);
    if (replacement->temporary != NULL)
        unlink(replacement->temporary);
    free(replacement->temporary);
    free(replacement->target);
    free(replacement->folder);
    *replacement = (struct tik_replacement){.file = -1};
}

bool tik_replace_same(const struct tik_replacement *a, const struct tik_replacement *b)
{
    struct stat one, other;
    return strcmp(a->target + folder_length(a->target), b->target + folder_length(b->target)) ==
               0 &&
           stat(a->folder, &one) == 0 && stat(b->folder, &other) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}
