/* OpenCL's own header, held to the API of version 1.2. */
#ifndef TIK_SRC_OPENCL_CL_H
#define TIK_SRC_OPENCL_CL_H

#define CL_TARGET_OPENCL_VERSION 120

#ifdef __APPLE__
#define CL_SILENCE_DEPRECATION
#include <OpenCL/opencl.h>
#else
#include <CL/cl.h>
#endif

#endif
