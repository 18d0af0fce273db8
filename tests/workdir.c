#include "workdir.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(const char *what, const char *path)
{
    fprintf(stderr, "%s ", what);
    perror(path);
    abort();
}

void workdir_create(char path[WORKDIR_PATH])
{
    const char *parent = getenv("TMPDIR");
    workdir_name(path, parent && *parent ? parent : "/tmp", "tikhonov-test-XXXXXX");
    if (!mkdtemp(path))
        fail("making", path);
}

void workdir_remove(const char *path)
{
    struct stat state;
    if (lstat(path, &state) != 0)
        return;
    DIR *stream = S_ISDIR(state.st_mode) ? opendir(path) : NULL;
    for (const struct dirent *file; stream && (file = readdir(stream));) {
        char inner[WORKDIR_PATH];
        if (strcmp(file->d_name, ".") == 0 || strcmp(file->d_name, "..") == 0)
            continue;
        workdir_name(inner, path, file->d_name);
        workdir_remove(inner);
    }
    if (stream)
        closedir(stream);
    if ((S_ISDIR(state.st_mode) ? rmdir(path) : unlink(path)) != 0)
        fail("removing", path);
}

void workdir_name(char path[WORKDIR_PATH], const char *folder, const char *name)
{
    if (snprintf(path, WORKDIR_PATH, "%s/%s", folder, name) >= WORKDIR_PATH)
        fail("naming", folder);
}

void workdir_write(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        fail("writing", path);
}

char *workdir_read(const char *path, size_t *size)
{
    struct stat state;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &state) != 0)
        fail("reading", path);
    *size = (size_t)state.st_size;
    char *bytes = calloc(1, *size + 1);
    if (!bytes || fread(bytes, 1, *size, file) != *size)
        fail("reading", path);
    fclose(file);
    return bytes;
}

void workdir_copy(const char *from, const char *to)
{
    DIR *stream = opendir(from);
    if (!stream)
        fail("reading", from);
    for (const struct dirent *file; (file = readdir(stream));) {
        char source[WORKDIR_PATH], copy[WORKDIR_PATH];
        struct stat state;
        size_t size;
        workdir_name(source, from, file->d_name);
        workdir_name(copy, to, file->d_name);
        if (stat(source, &state) != 0)
            fail("reading", source);
        if (!S_ISREG(state.st_mode))
            continue;
        char *bytes = workdir_read(source, &size);
        workdir_write(copy, bytes, size);
        free(bytes);
    }
    closedir(stream);
}

void workdir_replace(const char *path, const char *from, const char *to)
{
    size_t size;
    char *text = workdir_read(path, &size), *place = strstr(text, from);
    if (!place) {
        fprintf(stderr, "'%s' is not in %s\n", from, path);
        abort();
    }
    char *changed = calloc(1, size + strlen(to) + 1);
    if (!changed)
        fail("changing", path);
    const int length =
        sprintf(changed, "%.*s%s%s", (int)(place - text), text, to, place + strlen(from));
    workdir_write(path, changed, (size_t)length);
    free(changed);
    free(text);
}
