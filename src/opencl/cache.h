/*
 * The cache of compiled programs: one file a key, in a folder that only its owner can open.
 *
 * A binary is handed out only after the file's magic, version, lengths, checksum and full key
 * matched: drivers crash on damaged binaries. Whatever is wrong with a file is a miss; whatever is
 * wrong with the folder turns the cache off. Neither is an error: the caller builds from source.
 *
 * Threads: all functions but close, on one handle or several, in one process or several.
 */
#ifndef TIK_SRC_OPENCL_CACHE_H
#define TIK_SRC_OPENCL_CACHE_H

#include <tikhonov/base.h>
#include <tikhonov/status.h>

/* Bytes that all files together may take, unless the field is set: 64 MiB. */
#define TIK_CACHE_CAPACITY ((uint64_t)64 << 20)

struct tik_cache {
    int folder;        /* descriptor of the private folder; -1: the cache is off */
    uint64_t capacity; /* set before first use, if at all */
    char reason[512];  /* why the cache is off */
};

struct tik_binary {
    unsigned char *bytes;
    size_t length;
    int verdict; /* the caller's own, kept with the bytes */
};

/*
 * Opens the folder `path`, made with its parents (mode 0700) where it is not there. NULL or empty:
 * TIKHONOV_CACHE_DIR; else $XDG_CACHE_HOME/tikhonov; else ~/.cache/tikhonov, on Apple
 * ~/Library/Caches/tikhonov. "off", here or in TIKHONOV_CACHE_DIR: a cache that is off.
 *
 * The cache is off too where the folder cannot be made or written, is a symbolic link, is not the
 * user's own or is open to others. One that is off never hits and never stores.
 *
 * TIK_OK: *cache is for tik_cache_close. TIK_ERROR_MEMORY: *cache is NULL.
 */
TIK_CHECKED enum tik_status tik_cache_open(const char *path, struct tik_cache **cache);
/* NULL is allowed. */
void tik_cache_close(struct tik_cache *cache);

/* Why the cache is off; NULL while it is on. Owned by the cache. */
const char *tik_cache_reason(const struct tik_cache *cache);

/*
 * True: *binary is what was stored under the same key, and its bytes are the caller's to free().
 * False: *binary is empty. A hit makes the file the last to be removed for room.
 */
bool tik_cache_load(struct tik_cache *cache, const char *key, struct tik_binary *binary);

/*
 * Stores a copy under the key, in place of what was there, and removes the files that were longest
 * unused until all fit the capacity. Nothing is stored where the binary is empty or larger than
 * the capacity, when the disk is full, or while another process holds the folder's lock for more
 * than a second; the old file then stays.
 */
void tik_cache_store(struct tik_cache *cache, const char *key, const struct tik_binary *binary);

/* Removes what is stored under the key: for a binary that the driver refused. */
void tik_cache_drop(struct tik_cache *cache, const char *key);

#endif
