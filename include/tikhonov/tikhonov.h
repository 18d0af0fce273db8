/*
 * Tikhonov: regularized optimizer steps on whatever OpenCL device is present, and the same bits on
 * the CPU. This header includes all the others; start with optimizer.h.
 */
#ifndef TIKHONOV_TIKHONOV_H
#define TIKHONOV_TIKHONOV_H

#include <tikhonov/base.h>
#include <tikhonov/checkpoint.h>
#include <tikhonov/context.h>
#include <tikhonov/device.h>
#include <tikhonov/optimizer.h>
#include <tikhonov/policy.h>
#include <tikhonov/preset.h>
#include <tikhonov/prior.h>
#include <tikhonov/rule.h>
#include <tikhonov/safetensors.h>
#include <tikhonov/schedule.h>
#include <tikhonov/status.h>
#include <tikhonov/tune.h>
#include <tikhonov/update.h>

/* "0.1.0" */
TIK_API const char *tik_version(void);

#endif
