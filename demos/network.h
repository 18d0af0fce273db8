/*
 * A network with one hidden layer: 64 pixels, 128 hidden units, 10 digits.
 *
 *     h = max(x w1 + b1, 0)     z = h w2 + b2     q = softmax(z)
 *
 * Rows are images, so that a batch is a matrix and each layer one product.
 */
#ifndef DEMOS_NETWORK_H
#define DEMOS_NETWORK_H

#include "digits.h"
#include "lab.h"
#include "nn.h"

enum { HIDDEN = 128, BATCH = 32 };

struct layer {
    size_t inputs, outputs;
    struct array w, b, grad_w, grad_b; /* w: inputs x outputs */
};

struct network {
    struct lab *lab;
    struct nn *nn;
    struct layer hidden, output;
    struct array x, target; /* the batch */
    struct array h, z;      /* what the layers answer, for up to all rows of a set */
    struct array dh, dz;    /* gradients with respect to them, of the batch */
};

/* Weights and biases are drawn from U(-1/sqrt(inputs), 1/sqrt(inputs)), as PyTorch's Linear does.
 */
void network_create(struct network *network, struct lab *lab, struct nn *nn, uint64_t seed);
void network_destroy(struct network *network);

/* Multiply-adds of its largest products: in a step, and with all the rows of a set. */
double network_step_product(void);
double network_set_product(size_t rows);

/* Registers w1 and w2 in the group of weights, b1 and b2 in that of biases. */
void network_register(struct network *network, struct tik_optimizer *optimizer,
                      const struct groups *groups);

/* Computes the gradients of the loss over the given rows (at most 32) of a set. */
void network_gradient(struct network *network, struct digit_set *set, const size_t *order,
                      size_t rows);

/* Shuffles the set and takes a step for each batch of it. */
struct rng;
void network_train_epoch(struct network *network, struct tik_optimizer *optimizer,
                         struct digit_set *set, struct rng *rng);

/* Mean cross-entropy, and the share of images whose largest z is at their digit. */
void network_judge(struct network *network, struct digit_set *set, double *loss, double *accuracy);

#endif
