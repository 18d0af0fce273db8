/* What was tuned, by device and driver: the file tuned.json of the user's configuration. */
#ifndef TIK_SRC_TUNED_H
#define TIK_SRC_TUNED_H

#include <tikhonov/device.h>
#include <tikhonov/status.h>

struct tik_tuned {
    size_t local_size;
    double seconds, scalar_seconds; /* of a step; scalar_seconds 0: not measured */
    bool scalar_wins;
    enum tik_conformance conformance; /* that the local size was shown to have */
};

enum tik_tuned_fate {
    TIK_TUNED_NONE,    /* nothing is known of the device */
    TIK_TUNED_FOUND,   /* *tuned is filled */
    TIK_TUNED_STALE,   /* it is of another driver or version of the library */
    TIK_TUNED_IGNORED, /* the file is damaged, or not the user's own: `why` says so */
};

enum { TIK_TUNED_WHY = 512 };

enum tik_tuned_fate tik_tuned_find(const struct tik_device_info *device, struct tik_tuned *tuned,
                                   char why[TIK_TUNED_WHY]);

/*
 * Puts the device's entry in the place of one that is there; `path` becomes the file's name.
 * TIK_OK; TIK_ERROR_FILE; TIK_ERROR_MEMORY. The file is replaced as a whole: where two processes
 * tune at once, the last one's stays.
 */
enum tik_status tik_tuned_keep(const struct tik_device_info *device, const struct tik_tuned *tuned,
                               char path[1024]);

/* Removes the device's entry; a file that cannot be written stays as it is. */
void tik_tuned_drop(const struct tik_device_info *device);

#endif
