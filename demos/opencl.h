/* OpenCL's header, whose place differs on Apple. Included only by files built with OpenCL. */
#ifndef DEMOS_OPENCL_H
#define DEMOS_OPENCL_H

#define CL_TARGET_OPENCL_VERSION          120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS 1
#ifdef __APPLE__
#include <OpenCL/opencl.h>
#else
#include <CL/cl.h>
#endif

#endif
