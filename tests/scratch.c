/* A scratch folder for tests of files. */
#include "scratch.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/tikhonov-safetensors-XXXXXX";
static int start_folder;

void scratch_enter(void)
{
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    start_folder = open(".", O_RDONLY);
    ck_assert_int_ge(start_folder, 0);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(chdir(folder), 0);
}

void scratch_leave(void)
{
    DIR *dir = opendir(".");
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (unlink(entry->d_name) != 0)
            rmdir(entry->d_name);
    closedir(dir);
    ck_assert_int_eq(fchdir(start_folder), 0);
    close(start_folder);
    ck_assert_int_eq(rmdir(folder), 0);
}

size_t scratch_count(void)
{
    size_t count = 0;
    DIR *dir = opendir(".");
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

void scratch_write(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    ck_assert_int_eq(fclose(file), 0);
}

unsigned char *scratch_read(const char *path, size_t *count)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is not there", path);
    static unsigned char bytes[1 << 16];
    *count = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return bytes;
}

void scratch_assert_holds(const char *path, const char *text)
{
    size_t count;
    const unsigned char *bytes = scratch_read(path, &count);
    ck_assert_uint_eq(count, strlen(text));
    ck_assert_mem_eq(bytes, text, count);
}

void scratch_safetensors(const char *path, const char *header, size_t data)
{
    static unsigned char bytes[1 << 16];
    const size_t length = strlen(header);
    ck_assert_uint_le(8 + length + data, sizeof bytes);
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(length >> (8 * i));
    for (size_t i = 0; i < length; i++)
        bytes[8 + i] = header[i] == '\'' ? '"' : (unsigned char)header[i];
    for (size_t i = 0; i < data; i++)
        bytes[8 + length + i] = (unsigned char)i;
    scratch_write(path, bytes, 8 + length + data);
}
