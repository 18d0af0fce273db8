#include "tuned.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "error.h"
#include "replace.h"

#define FILE_NAME    "tuned.json"
#define MOST_BYTES   65536
#define MOST_LOCAL   1024
#define PATH_SIZE    1024
#define FORMAT_FIELD "tikhonov.tuned"

/* ---- where ---- */

/* The folder; empty where there is none. */
static void choose_folder(char path[PATH_SIZE])
{
    const char *own = getenv("TIKHONOV_CONFIG_DIR");
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int length = 0;
    path[0] = '\0';
    if (own != NULL && own[0] != '\0')
        length = strcmp(own, "off") == 0 ? 0 : snprintf(path, PATH_SIZE, "%s", own);
    else if (xdg != NULL && xdg[0] == '/') /* the XDG specification: relative ones are ignored */
        length = snprintf(path, PATH_SIZE, "%s/tikhonov", xdg);
    else if (home != NULL && home[0] != '\0')
        length = snprintf(path, PATH_SIZE, "%s/.config/tikhonov", home);
    if (length < 0 || length > PATH_SIZE - (int)sizeof FILE_NAME - 1)
        path[0] = '\0';
}

static bool choose_file(char path[PATH_SIZE])
{
    choose_folder(path);
    if (path[0] == '\0')
        return false;
    strcat(path, "/" FILE_NAME);
    return true;
}

/* ---- reading ---- */

static void explain(char why[TIK_TUNED_WHY], const char *format, ...) TIK_PRINTF(2, 3);

static void explain(char why[TIK_TUNED_WHY], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, TIK_TUNED_WHY, format, arguments);
    va_end(arguments);
}

static bool is_private(int file, const char *path, char why[TIK_TUNED_WHY])
{
    struct stat state;
    if (fstat(file, &state) != 0 || !S_ISREG(state.st_mode))
        explain(why, "%.300s is not a regular file", path);
    else if (state.st_uid != geteuid())
        explain(why, "%.300s belongs to user %lu: it must belong to user %lu", path,
                (unsigned long)state.st_uid, (unsigned long)geteuid());
    else if (state.st_mode & (S_IWGRP | S_IWOTH))
        explain(why, "%.300s can be written by others, mode %04lo: take that away (chmod go-w)",
                path, (unsigned long)(state.st_mode & 07777));
    else if (state.st_size > MOST_BYTES)
        explain(why, "%.300s has %lld bytes: at most %d are allowed", path,
                (long long)state.st_size, MOST_BYTES);
    else
        return true;
    return false;
}

static size_t read_bytes(int file, char *text, size_t room)
{
    size_t got = 0;
    while (got < room) {
        const ssize_t n = read(file, text + got, room - got);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        got += n > 0 ? (size_t)n : 0;
    }
    return got;
}

static bool has_form(const cJSON *root)
{
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(root, "format");
    return cJSON_IsString(format) && strcmp(format->valuestring, FORMAT_FIELD) == 0 &&
           cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(root, "devices"));
}

/* The file's content; NULL where there is none, with `why` when it is there and no use. */
static cJSON *read_file(const char *path, char why[TIK_TUNED_WHY])
{
    why[0] = '\0';
    /* O_NONBLOCK: a FIFO in the file's place would make open wait for a writer. */
    const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            explain(why, "%.300s: %.100s", path, strerror(errno));
        return NULL;
    }
    cJSON *root = NULL;
    char *text = is_private(file, path, why) ? malloc(MOST_BYTES) : NULL;
    if (text != NULL) {
        root = cJSON_ParseWithLength(text, read_bytes(file, text, MOST_BYTES));
        if (!has_form(root)) {
            explain(why, "%.300s is damaged: 'tikhonov tune' writes it anew", path);
            cJSON_Delete(root);
            root = NULL;
        }
    }
    free(text);
    close(file);
    return root;
}

static bool has_text(const cJSON *entry, const char *name, const char *text)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, name);
    return cJSON_IsString(item) && strcmp(item->valuestring, text) == 0;
}

static bool is_of_device(const cJSON *entry, const struct tik_device_info *device)
{
    return has_text(entry, "platform", device->platform) && has_text(entry, "device", device->name);
}

/* A time, or 0. */
static double get_seconds(const cJSON *entry, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, name);
    return cJSON_IsNumber(item) && item->valuedouble > 0 && isfinite(item->valuedouble)
               ? item->valuedouble
               : 0;
}

/* False where the entry is not what tik_tuned_keep wrote. */
static bool read_entry(const cJSON *entry, struct tik_tuned *tuned)
{
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(entry, "local_size");
    if (!cJSON_IsNumber(size) || !(size->valuedouble >= 1 && size->valuedouble <= MOST_LOCAL))
        return false;
    const bool exact = has_text(entry, "conformance", tik_conformance_name(TIK_EXACT));
    const size_t local = (size_t)size->valuedouble;
    *tuned = (struct tik_tuned){
        .local_size = local,
        .conformance = exact ? TIK_EXACT : TIK_BOUNDED,
        .seconds = get_seconds(entry, "seconds"),
        .scalar_seconds = get_seconds(entry, "scalar_seconds"),
        .scalar_wins = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "scalar_wins")),
    };
    if (tuned->scalar_wins && tuned->scalar_seconds >= tuned->seconds)
        return false; /* it says so of a slower one */
    return (double)local == size->valuedouble && (local & (local - 1)) == 0 && tuned->seconds > 0;
}

enum tik_tuned_fate tik_tuned_find(const struct tik_device_info *device, struct tik_tuned *tuned,
                                   char why[TIK_TUNED_WHY])
{
    char path[PATH_SIZE];
    *tuned = (struct tik_tuned){0};
    why[0] = '\0';
    if (!choose_file(path))
        return TIK_TUNED_NONE;
    cJSON *root = read_file(path, why);
    if (root == NULL)
        return why[0] != '\0' ? TIK_TUNED_IGNORED : TIK_TUNED_NONE;
    enum tik_tuned_fate fate = TIK_TUNED_NONE;
    const cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(root, "devices"))
    {
        if (fate != TIK_TUNED_NONE || !is_of_device(entry, device))
            continue;
        fate = TIK_TUNED_FOUND;
        if (!has_text(entry, "driver", device->driver) || !has_text(entry, "library", TIK_VERSION))
            fate = TIK_TUNED_STALE;
        else if (!read_entry(entry, tuned)) {
            fate = TIK_TUNED_IGNORED;
            explain(why, "the entry of %.100s in %.300s is damaged", device->name, path);
        }
    }
    cJSON_Delete(root);
    return fate;
}

/* ---- writing ---- */

/* Makes the folder and those above it; what could not be made shows when the file is written. */
static void make_folders(const char *file)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s", file);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

static enum tik_status write_file(const char *path, const cJSON *root)
{
    char *text = cJSON_Print(root);
    if (text == NULL)
        return tik_error_memory("the text of " FILE_NAME, 0);
    struct tik_replacement replacement;
    enum tik_status status = tik_replace_begin(&replacement, path);
    if (status == TIK_OK && fchmod(replacement.file, 0600) != 0)
        status = tik_error_set(TIK_ERROR_FILE, "%s: %s", path, strerror(errno));
    if (status == TIK_OK)
        status = tik_replace_write(&replacement, text, strlen(text));
    if (status == TIK_OK)
        status = tik_replace_write(&replacement, "\n", 1);
    if (status == TIK_OK)
        status = tik_replace_flush(&replacement);
    if (status == TIK_OK)
        status = tik_replace_commit(&replacement);
    tik_replace_finish(&replacement);
    cJSON_free(text);
    return status;
}

/* Whether there was an entry of the device. */
static bool remove_entry(cJSON *root, const struct tik_device_info *device)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "devices");
    bool removed = false;
    for (int i = cJSON_GetArraySize(list) - 1; i >= 0; i--)
        if (is_of_device(cJSON_GetArrayItem(list, i), device)) {
            cJSON_DeleteItemFromArray(list, i);
            removed = true;
        }
    return removed;
}

static bool add_entry(cJSON *root, const struct tik_device_info *device,
                      const struct tik_tuned *tuned)
{
    cJSON *entry = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(root, "devices"), entry)) {
        cJSON_Delete(entry);
        return false;
    }
    return cJSON_AddStringToObject(entry, "platform", device->platform) != NULL &&
           cJSON_AddStringToObject(entry, "device", device->name) != NULL &&
           cJSON_AddStringToObject(entry, "driver", device->driver) != NULL &&
           cJSON_AddStringToObject(entry, "library", TIK_VERSION) != NULL &&
           cJSON_AddNumberToObject(entry, "local_size", (double)tuned->local_size) != NULL &&
           cJSON_AddStringToObject(entry, "conformance",
                                   tik_conformance_name(tuned->conformance)) != NULL &&
           cJSON_AddNumberToObject(entry, "seconds", tuned->seconds) != NULL &&
           cJSON_AddNumberToObject(entry, "scalar_seconds", tuned->scalar_seconds) != NULL &&
           cJSON_AddBoolToObject(entry, "scalar_wins", tuned->scalar_wins) != NULL;
}

static cJSON *new_root(void)
{
    cJSON *root = cJSON_CreateObject();
    if (cJSON_AddStringToObject(root, "format", FORMAT_FIELD) != NULL &&
        cJSON_AddArrayToObject(root, "devices") != NULL)
        return root;
    cJSON_Delete(root);
    return NULL;
}

enum tik_status tik_tuned_keep(const struct tik_device_info *device, const struct tik_tuned *tuned,
                               char path[1024])
{
    char why[TIK_TUNED_WHY];
    if (!choose_file(path))
        return tik_error_set(TIK_ERROR_FILE,
                             "there is no folder to keep what was tuned: TIKHONOV_CONFIG_DIR is "
                             "off, too long, or none of it, XDG_CONFIG_HOME and HOME is set");
    cJSON *root = read_file(path, why);
    if (root == NULL)
        root = new_root();
    if (root == NULL)
        return tik_error_memory(FILE_NAME, 0);
    remove_entry(root, device);
    enum tik_status status = add_entry(root, device, tuned) ? TIK_OK : TIK_ERROR_MEMORY;
    if (status == TIK_OK) {
        make_folders(path);
        status = write_file(path, root);
    } else {
        status = tik_error_memory("an entry of " FILE_NAME, 0);
    }
    cJSON_Delete(root);
    return status;
}

void tik_tuned_drop(const struct tik_device_info *device)
{
    char path[PATH_SIZE], why[TIK_TUNED_WHY];
    cJSON *root = choose_file(path) ? read_file(path, why) : NULL;
    if (root != NULL && remove_entry(root, device))
        (void)!write_file(path, root);
    cJSON_Delete(root);
}
