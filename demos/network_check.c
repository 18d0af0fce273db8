/*
 * Test of the network's gradients. Along a gradient g the loss must rise by |g| a unit of length:
 *
 *     (L(w + e g/|g|) - L(w - e g/|g|)) / 2e = |g|
 *
 * for each parameter by itself. A gradient that is wrong in direction or size does not hold to it.
 *
 * Returns 0 when all is as it should be, 1 when not. On whatever device TIKHONOV_DEVICE names.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "network.h"

enum { ROWS = 24 };

static void make_set(struct digit_set *set, struct tik_context *context)
{
    set->rows = ROWS;
    set->labels = allocate(ROWS, 1);
    array_create(&set->x, context, (size_t)ROWS * PIXELS);
    array_create(&set->target, context, (size_t)ROWS * CLASSES);
    float *x = array_host(&set->x), *target = array_host(&set->target);
    for (size_t i = 0; i < (size_t)ROWS * PIXELS; i++)
        x[i] = (float)((i * 7 + i / PIXELS * 5) % 17) / 16 - 0.3f;
    for (size_t i = 0; i < ROWS; i++) {
        set->labels[i] = (unsigned char)(i * 3 % CLASSES);
        target[i * CLASSES + set->labels[i]] = 1;
    }
}

/* The loss at `at` + distance * direction, for one parameter. */
static double loss_at(struct network *network, struct digit_set *set, struct array *param,
                      const double *at, const double *direction, double distance)
{
    double loss, unused;
    float *values = array_host(param);
    for (size_t i = 0; i < param->count; i++)
        values[i] = (float)(at[i] + distance * direction[i]);
    network_judge(network, set, &loss, &unused);
    return loss;
}

static int check_gradient(struct network *network, struct digit_set *set, const char *name,
                          struct array *param, struct array *grad)
{
    const double e = 0.002;
    double norm = 0, *at = allocate(param->count, sizeof *at);
    double *direction = allocate(param->count, sizeof *direction);
    const float *p = array_host(param), *g = array_host(grad);
    for (size_t i = 0; i < param->count; i++) {
        at[i] = (double)p[i];
        norm += (double)g[i] * (double)g[i];
    }
    norm = sqrt(norm);
    for (size_t i = 0; i < param->count; i++)
        direction[i] = (double)g[i] / norm;
    double rise = loss_at(network, set, param, at, direction, e);
    rise = (rise - loss_at(network, set, param, at, direction, -e)) / (2 * e);
    loss_at(network, set, param, at, direction, 0); /* as it was */
    bool good = norm > 1e-3 && fabs(rise - norm) < 5e-3 * norm;
    printf("%-14s |g| %.6f, the loss rises by %.6f: %s\n", name, norm, rise,
           good ? "as it should" : "WRONG");
    free(at);
    free(direction);
    return !good;
}

int main(int argc, char **argv)
{
    struct options options = {.blas = PRODUCT_AUTO};
    struct lab lab;
    struct nn nn;
    struct network network;
    struct digit_set set;
    size_t order[ROWS];
    (void)argc;
    set_program_name(argv[0]);
    lab_open(&lab, &options);
    nn_create(&nn, lab.context, tik_context_cl_queue(lab.context) != NULL);
    network_create(&network, &lab, &nn, 1);
    make_set(&set, lab.context);
    for (size_t i = 0; i < ROWS; i++)
        order[i] = i;
    network_gradient(&network, &set, order, ROWS);

    struct layer *hidden = &network.hidden, *output = &network.output;
    int wrong = check_gradient(&network, &set, "hidden.weight", &hidden->w, &hidden->grad_w);
    wrong += check_gradient(&network, &set, "hidden.bias", &hidden->b, &hidden->grad_b);
    wrong += check_gradient(&network, &set, "output.weight", &output->w, &output->grad_w);
    wrong += check_gradient(&network, &set, "output.bias", &output->b, &output->grad_b);

    digits_free(&set);
    network_destroy(&network);
    nn_destroy(&nn);
    lab_close(&lab);
    return wrong ? EXIT_FAILED : EXIT_SUCCESS;
}
