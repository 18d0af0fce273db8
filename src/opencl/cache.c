#include "cache.h"

#include "../error.h"
#include "../hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h> /* flock: not POSIX, but glibc, musl, Apple and the BSDs declare it here */
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef __APPLE__
#define USER_CACHE "Library/Caches/tikhonov"
#else
#define USER_CACHE ".cache/tikhonov"
#endif

/*
 * A file: this header, its numbers with the low byte first, the key, the binary, and last the
 * tik_hash of all that as 8 bytes. FNV-1a is enough: a single changed byte always changes it, other
 * damage passes with a chance of about 2^-64, and it keeps out nobody, since the folder does. Where
 * it names a file, two keys may share the name: the key in the file is compared in full.
 */
#define MAGIC         "tikcache"
#define VERSION       1
#define AT_VERSION    8
#define AT_VERDICT    12
#define AT_KEY_LENGTH 16
#define AT_LENGTH     24
#define HEADER        32
#define CHECKSUM      8

/* Only files of these names are ever removed: the folder may hold the user's own as well. */
#define NAME_START "tik-"
#define NAME_END   ".bin"
#define TEMP_END   ".tmp"
#define LOCK_NAME  "tik.lock"
#define NAME_SIZE  64

#define STALE_SECONDS 3600
#define LOCK_TRIES    100 /* of 10 ms */

static void put(unsigned char *at, size_t bytes, uint64_t value)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get(const unsigned char *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

/* The file's content, for the caller to free; NULL where it is larger than `capacity`. */
static unsigned char *pack(const char *key, const struct tik_binary *binary, uint64_t capacity,
                           size_t *size)
{
    const size_t key_length = strlen(key), fixed = HEADER + CHECKSUM;
    if (capacity < fixed || key_length > capacity - fixed ||
        binary->length > capacity - fixed - key_length)
        return NULL;
    *size = fixed + key_length + binary->length;
    unsigned char *file = malloc(*size);
    if (!file)
        return NULL;
    memcpy(file, MAGIC, AT_VERSION);
    put(file + AT_VERSION, 4, VERSION);
    put(file + AT_VERDICT, 4, (uint32_t)binary->verdict);
    put(file + AT_KEY_LENGTH, 8, key_length);
    put(file + AT_LENGTH, 8, binary->length);
    memcpy(file + HEADER, key, key_length);
    memcpy(file + HEADER + key_length, binary->bytes, binary->length);
    const size_t end = *size - CHECKSUM;
    put(file + end, CHECKSUM, tik_hash(file, end, TIK_HASH_SEED));
    return file;
}

/* Checks a file's content and moves the binary to its front, where *binary then finds it. */
static bool unpack(unsigned char *file, size_t size, const char *key, struct tik_binary *binary)
{
    if (size < HEADER + CHECKSUM || memcmp(file, MAGIC, AT_VERSION) != 0 ||
        get(file + AT_VERSION, 4) != VERSION)
        return false;
    const size_t end = size - CHECKSUM;
    if (get(file + end, CHECKSUM) != tik_hash(file, end, TIK_HASH_SEED))
        return false;
    const uint64_t room = end - HEADER;
    const uint64_t key_length = get(file + AT_KEY_LENGTH, 8), length = get(file + AT_LENGTH, 8);
    if (key_length > room || length != room - key_length || length == 0)
        return false;
    if (key_length != strlen(key) || memcmp(file + HEADER, key, strlen(key)) != 0)
        return false;
    binary->verdict = (int)(uint32_t)get(file + AT_VERDICT, 4);
    binary->length = (size_t)length;
    binary->bytes = memmove(file, file + HEADER + (size_t)key_length, (size_t)length);
    return true;
}

static char *join(const char *folder, const char *name)
{
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static void turn_off(struct tik_cache *cache, const char *format, ...) TIK_PRINTF(2, 3);

static void turn_off(struct tik_cache *cache, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cache->reason, sizeof cache->reason, format, arguments);
    va_end(arguments);
    if (cache->folder >= 0)
        close(cache->folder);
    cache->folder = -1;
}

/* The folder's path, for the caller to free; *path stays NULL where the cache is off. */
static enum tik_status choose_folder(struct tik_cache *cache, const char *asked, char **path)
{
    if (!asked || !*asked)
        asked = getenv("TIKHONOV_CACHE_DIR");
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (asked && strcmp(asked, "off") == 0) {
        turn_off(cache, "switched off");
        return TIK_OK;
    }
    if (asked && *asked)
        *path = join(asked, "");
    else if (xdg && *xdg == '/') /* the XDG specification: relative paths are to be ignored */
        *path = join(xdg, "tikhonov");
    else if (home && *home)
        *path = join(home, USER_CACHE);
    else {
        turn_off(cache, "none of TIKHONOV_CACHE_DIR, XDG_CACHE_HOME and HOME is set");
        return TIK_OK;
    }
    if (!*path)
        return tik_error_memory("the path of the binary cache", 0);
    size_t length = strlen(*path); /* with a slash at its end a symbolic link would be followed */
    while (length > 1 && (*path)[length - 1] == '/')
        (*path)[--length] = '\0';
    return TIK_OK;
}

/* Makes the folder and its parents. The errno of the first that could not be made; 0. */
static int make_folders(char *path)
{
    int first = 0;
    for (char *at = path + 1;; at++) {
        const char kept = *at;
        if (kept != '/' && kept != '\0')
            continue;
        *at = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST && first == 0)
            first = errno;
        *at = kept;
        if (kept == '\0')
            return first;
    }
}

/* The error's name in words; `text` is room for them. */
static const char *words(int error, char *text, size_t size)
{
    if (strerror_r(error, text, size) != 0)
        snprintf(text, size, "error %d", error);
    return text;
}

/* Opens the folder where it is private, else turns the cache off. */
static void open_folder(struct tik_cache *cache, char *path)
{
    char text[256];
    struct stat state;
    const int made = make_folders(path);
    if (lstat(path, &state) != 0) {
        turn_off(cache, "%s: %s", path, words(made ? made : errno, text, sizeof text));
        return;
    }
    if (S_ISLNK(state.st_mode)) {
        turn_off(cache, "%s is a symbolic link: it must be a folder", path);
        return;
    }
    cache->folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (cache->folder < 0 || fstat(cache->folder, &state) != 0)
        turn_off(cache, "%s: %s", path, words(errno, text, sizeof text));
    else if (state.st_uid != geteuid())
        turn_off(cache, "%s belongs to user %lu: it must belong to user %lu", path,
                 (unsigned long)state.st_uid, (unsigned long)geteuid());
    else if (state.st_mode & (S_IRWXG | S_IRWXO))
        turn_off(cache, "%s is open to others, mode %04lo: it must be private, mode 0700", path,
                 (unsigned long)(state.st_mode & 07777));
    else if (faccessat(cache->folder, ".", R_OK | W_OK | X_OK, AT_EACCESS) != 0)
        turn_off(cache, "%s cannot be written: %s", path, words(errno, text, sizeof text));
}

enum tik_status tik_cache_open(const char *path, struct tik_cache **cache)
{
    *cache = NULL;
    struct tik_cache *made = calloc(1, sizeof *made);
    if (!made)
        return tik_error_memory("the binary cache", sizeof *made);
    made->folder = -1;
    made->capacity = TIK_CACHE_CAPACITY;
    char *chosen = NULL;
    const enum tik_status status = choose_folder(made, path, &chosen);
    if (status != TIK_OK) {
        free(made);
        return status;
    }
    if (chosen)
        open_folder(made, chosen);
    free(chosen);
    *cache = made;
    return TIK_OK;
}

void tik_cache_close(struct tik_cache *cache)
{
    if (cache && cache->folder >= 0)
        close(cache->folder);
    free(cache);
}

const char *tik_cache_reason(const struct tik_cache *cache)
{
    return cache->folder < 0 ? cache->reason : NULL;
}

static void name_file(const char *key, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, NAME_START "%016" PRIx64 NAME_END,
             tik_hash(key, strlen(key), TIK_HASH_SEED));
}

/* All of a regular file of at most `capacity` bytes, for the caller to free; else NULL. */
static unsigned char *read_all(int file, uint64_t capacity, size_t *size)
{
    struct stat state;
    if (fstat(file, &state) != 0 || !S_ISREG(state.st_mode) || state.st_size <= 0 ||
        (uint64_t)state.st_size > capacity)
        return NULL;
    *size = (size_t)state.st_size;
    unsigned char *bytes = malloc(*size);
    for (size_t at = 0; bytes && at < *size;) {
        const ssize_t got = read(file, bytes + at, *size - at);
        if (got > 0) {
            at += (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            free(bytes);
            bytes = NULL;
        }
    }
    return bytes;
}

bool tik_cache_load(struct tik_cache *cache, const char *key, struct tik_binary *binary)
{
    *binary = (struct tik_binary){0};
    if (cache->folder < 0)
        return false;
    char name[NAME_SIZE];
    name_file(key, name);
    /* O_NONBLOCK: a FIFO in the file's place would make open wait for a writer. */
    const int file = openat(cache->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return false;
    size_t size = 0;
    unsigned char *bytes = read_all(file, cache->capacity, &size);
    const bool hit = bytes && unpack(bytes, size, key, binary);
    if (hit)
        futimens(file, NULL); /* the time of last use, by which make_room chooses */
    else
        free(bytes);
    close(file);
    return hit;
}

/*
 * The folder's lock, for the caller to release; -1 where it cannot be had in about a second. A lock
 * of flock belongs to the open file, not to the process as those of fcntl do: so threads, which
 * each open it anew, keep each other out as well.
 */
static int take_lock(int folder)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    const int lock = openat(folder, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (lock < 0)
        return -1;
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(lock, LOCK_EX | LOCK_NB) == 0)
            return lock;
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        nanosleep(&pause, NULL);
    }
    close(lock);
    return -1;
}

static bool has_form(const char *name, const char *end)
{
    const size_t length = strlen(name), tail = strlen(end);
    return length < NAME_SIZE && length > sizeof NAME_START - 1 + tail &&
           strncmp(name, NAME_START, sizeof NAME_START - 1) == 0 &&
           strcmp(name + length - tail, end) == 0;
}

/* What lies in the folder, one file left out. */
struct content {
    const char *without;
    uint64_t total;
    char oldest[NAME_SIZE]; /* longest unused; empty: there is none */
    time_t used;
};

/* Counts a binary; removes a temporary file that a crash left behind. */
static void look_at(int folder, const char *name, struct content *content)
{
    struct stat state;
    const bool temporary = has_form(name, TEMP_END);
    if ((!temporary && !has_form(name, NAME_END)) || strcmp(name, content->without) == 0)
        return;
    if (fstatat(folder, name, &state, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(state.st_mode))
        return;
    if (temporary) {
        if (state.st_mtime < time(NULL) - STALE_SECONDS)
            unlinkat(folder, name, 0);
        return;
    }
    content->total += (uint64_t)state.st_size;
    if (!*content->oldest || state.st_mtime < content->used) {
        memcpy(content->oldest, name, strlen(name) + 1); /* has_form: it fits */
        content->used = state.st_mtime;
    }
}

static bool look_through(int folder, struct content *content)
{
    const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream) {
        if (copy >= 0)
            close(copy);
        return false;
    }
    for (const struct dirent *file; (file = readdir(stream));)
        look_at(folder, file->d_name, content);
    closedir(stream);
    return true;
}

/*
 * Removes what was longest unused until `size` more bytes fit beside all files but `name`. Mostly
 * one file makes room for one, so the folder is read again for each instead of being kept and
 * sorted.
 */
static bool make_room(const struct tik_cache *cache, const char *name, size_t size)
{
    for (;;) {
        struct content content = {.without = name};
        if (!look_through(cache->folder, &content))
            return false;
        if (content.total <= cache->capacity - size) /* pack: size <= capacity */
            return true;
        if (unlinkat(cache->folder, content.oldest, 0) != 0 && errno != ENOENT)
            return false;
    }
}

static bool write_all(int folder, const char *name, const unsigned char *bytes, size_t size)
{
    const int file =
        openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    bool good = true;
    for (size_t at = 0; good && at < size;) {
        const ssize_t put_out = write(file, bytes + at, size - at);
        if (put_out > 0)
            at += (size_t)put_out;
        else
            good = put_out < 0 && errno == EINTR;
    }
    good = fsync(file) == 0 && good;
    return close(file) == 0 && good;
}

/*
 * Puts the file in its place, whole or not at all. The caller holds the lock; the temporary name
 * is one of a kind all the same, since NFS makes flock a lock of the process.
 */
static void replace(const struct tik_cache *cache, const char *key, const unsigned char *bytes,
                    size_t size)
{
    static atomic_uint count;
    char name[NAME_SIZE], temporary[NAME_SIZE];
    name_file(key, name);
    snprintf(temporary, sizeof temporary, NAME_START "%ld-%u" TEMP_END, (long)getpid(),
             atomic_fetch_add(&count, 1));
    unlinkat(cache->folder, temporary, 0); /* of a process that crashed and had our number */
    const bool placed = write_all(cache->folder, temporary, bytes, size) &&
                        make_room(cache, name, size) &&
                        renameat(cache->folder, temporary, cache->folder, name) == 0;
    if (!placed)
        unlinkat(cache->folder, temporary, 0);
}

void tik_cache_store(struct tik_cache *cache, const char *key, const struct tik_binary *binary)
{
    if (cache->folder < 0 || binary->length == 0)
        return;
    size_t size;
    unsigned char *file = pack(key, binary, cache->capacity, &size);
    const int lock = file ? take_lock(cache->folder) : -1;
    if (lock >= 0) {
        replace(cache, key, file, size);
        flock(lock, LOCK_UN); /* close would not do while a child of fork has it open too */
        close(lock);
    }
    free(file);
}

void tik_cache_drop(struct tik_cache *cache, const char *key)
{
    if (cache->folder < 0)
        return;
    char name[NAME_SIZE];
    name_file(key, name);
    unlinkat(cache->folder, name, 0);
}
