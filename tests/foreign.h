/*
 * Cases of the files in golden/ that other libraries computed: what a case says in our words, made
 * into a policy and options, or the name of what the library does not have yet.
 */
#ifndef FOREIGN_H
#define FOREIGN_H

#include "judge.h"

#include <cjson/cJSON.h>

enum { FOREIGN_ELEMENTS = 40, FOREIGN_RANK = 2, FOREIGN_PATH = 4096 };

struct foreign_case {
    const cJSON *file, *json;
    const char *name, *rule;
    size_t rank, shape[FOREIGN_RANK], count;
    struct tik_policy *policy; /* NULL when something is missing */
    struct tik_optimizer_options options;
    double ema;                        /* decay of the average; 0: there is none */
    bool debias, ema_first, reads_ema; /* ema_first: it begins as p after the first step */
    char missing[128]; /* "rule lamb", "option agc", ...; empty when the case can be judged */
};

/* The path of a file below the folder TIKHONOV_TEST_DATA, else below TEST_DATA of the build. */
void foreign_path(char path[FOREIGN_PATH], const char *name);

/* golden/NAME; the caller deletes it. NULL, with a message on stderr, when there is none. */
cJSON *foreign_load(const char *name);

/* Fails the running test where a case is malformed, or has a value that an option refuses. */
void foreign_case_open(struct foreign_case *one, const cJSON *file, const cJSON *json);
void foreign_case_close(struct foreign_case *one);

/* Reads `count` numbers; the second fails where one of them is no float32. */
void foreign_numbers(const cJSON *array, double *numbers, size_t count);
void foreign_floats(const cJSON *array, float *values, size_t count);

/* A case has its own "params" or "grads", or shares the file's. */
const cJSON *foreign_inputs(const struct foreign_case *one, const char *name);

/* The gradient of step t, with the values that are not finite, if the case has such. */
void foreign_gradient(const struct foreign_case *one, size_t t, float g[FOREIGN_ELEMENTS]);

/* After step t: where the other library's average begins late, the library's is made to. */
void foreign_stepped(const struct foreign_case *one, struct tik_optimizer *optimizer, size_t tensor,
                     size_t t);

/* What the case compares, after a step: the parameter, or its average as it is read. */
void foreign_read(const struct foreign_case *one, struct tik_optimizer *optimizer, size_t tensor,
                  float values[FOREIGN_ELEMENTS]);

#endif
