/* A context's inside: the device's backend and the scalar path beside it. */
#ifndef TIK_SRC_CONTEXT_H
#define TIK_SRC_CONTEXT_H

#include <stdatomic.h>

#include <tikhonov/context.h>

#include "backend.h"

struct tik_context {
    struct tik_backend *backend; /* optimizers take instances of it */
    struct tik_backend *scalar;  /* the same backend where no device was chosen */
    struct tik_device_info device;
    char choice[512];
    bool strict;
    int threads;
    atomic_uint_least64_t fallbacks;
    void (*log)(enum tik_log_level, const char *, void *);
    void *log_data;
};

void tik_context_log(const struct tik_context *context, enum tik_log_level level,
                     const char *format, ...) TIK_PRINTF(3, 4);

/* Counts a fallback and, the first time, tells of it. */
void tik_context_fell_back(struct tik_context *context, const char *why, bool first);

#endif
