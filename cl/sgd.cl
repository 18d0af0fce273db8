/*
 * Stochastic gradient descent, with Polyak's momentum or Nesterov's, as in PyTorch.
 *
 *     buf <- carry*buf + gain*g          carry = momentum, gain = 1 - dampening; 0 and 1 at t = 1
 *     p   <- p - lr*d                    d = g, buf, or g + momentum*buf
 *
 * With lr in the buffer, as in Caffe and MXNet, an lr that changes acts on coming gradients alone:
 *
 *     buf <- carry*buf + pace*g          pace = lr*gain
 *     p   <- p - d                       d = buf, or lr*g + momentum*buf
 *
 * State: s[0] = buf. Each function returns what the step takes from p. Scalar twin:
 * src/scalar/sgd.c.
 */
#include "numeric.cl"
#include "sgd.h"

float sgd(const float p, const float g, float *s, const struct sgd_scalars k)
{
    return k.lr * g;
}

float sgd_momentum(const float p, const float g, float *s, const struct sgd_scalars k)
{
    const float buf = k.carry * s[0] + k.gain * g;
    s[0] = buf;
    return k.lr * buf;
}

float sgd_nesterov(const float p, const float g, float *s, const struct sgd_scalars k)
{
    const float buf = k.carry * s[0] + k.gain * g;
    s[0] = buf;
    return k.lr * (g + k.momentum * buf);
}

float sgd_paced(const float p, const float g, float *s, const struct sgd_scalars k)
{
    const float buf = k.carry * s[0] + k.pace * g;
    s[0] = buf;
    return buf;
}

float sgd_paced_nesterov(const float p, const float g, float *s, const struct sgd_scalars k)
{
    const float buf = k.carry * s[0] + k.pace * g;
    s[0] = buf;
    return k.lr * g + k.momentum * buf;
}
