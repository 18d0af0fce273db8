#!/usr/bin/env python3
"""Checks the symbols of the libraries: check_symbols.py [--opencl] LIBRARY ...

A shared library may export, and a static one define globally, names that start with tik_ alone;
what they need of OpenCL (with --opencl at least something) must be of its versions 1.0 to 1.2.
"""

import re
import subprocess
import sys

# The OpenCL specification 1.2, revision 19, chapters 4 and 5, and the functions that it deprecates.
OPENCL_1_2 = """
clGetPlatformIDs clGetPlatformInfo clGetDeviceIDs clGetDeviceInfo clCreateSubDevices clRetainDevice
clReleaseDevice clCreateContext clCreateContextFromType clRetainContext clReleaseContext
clGetContextInfo clCreateCommandQueue clRetainCommandQueue clReleaseCommandQueue
clGetCommandQueueInfo clSetCommandQueueProperty clCreateBuffer clCreateSubBuffer clCreateImage
clCreateImage2D clCreateImage3D clRetainMemObject clReleaseMemObject clGetSupportedImageFormats
clGetMemObjectInfo clGetImageInfo clSetMemObjectDestructorCallback clCreateSampler clRetainSampler
clReleaseSampler clGetSamplerInfo clCreateProgramWithSource clCreateProgramWithBinary
clCreateProgramWithBuiltInKernels clRetainProgram clReleaseProgram clBuildProgram clCompileProgram
clLinkProgram clUnloadCompiler clUnloadPlatformCompiler clGetProgramInfo clGetProgramBuildInfo
clCreateKernel clCreateKernelsInProgram clRetainKernel clReleaseKernel clSetKernelArg
clGetKernelInfo clGetKernelArgInfo clGetKernelWorkGroupInfo clWaitForEvents clGetEventInfo
clCreateUserEvent clRetainEvent clReleaseEvent clSetUserEventStatus clSetEventCallback
clGetEventProfilingInfo clFlush clFinish clEnqueueReadBuffer clEnqueueReadBufferRect
clEnqueueWriteBuffer clEnqueueWriteBufferRect clEnqueueFillBuffer clEnqueueCopyBuffer
clEnqueueCopyBufferRect clEnqueueReadImage clEnqueueWriteImage clEnqueueFillImage
clEnqueueCopyImage clEnqueueCopyImageToBuffer clEnqueueCopyBufferToImage clEnqueueMapBuffer
clEnqueueMapImage clEnqueueUnmapMemObject clEnqueueMigrateMemObjects clEnqueueNDRangeKernel
clEnqueueTask clEnqueueNativeKernel clEnqueueMarker clEnqueueWaitForEvents clEnqueueBarrier
clEnqueueMarkerWithWaitList clEnqueueBarrierWithWaitList clGetExtensionFunctionAddress
clGetExtensionFunctionAddressForPlatform
""".split()

# What a compiler or linker adds to an object by itself: sanitizers, coverage, the shared library's ends.
TOOLS = re.compile(r"^(__?(asan|ubsan|tsan|odr_asan|llvm|gcov|sanitizer)|_init$|_fini$|_edata$|_end$|"
                   r"__bss_start$)")


def names(library, *options):
    """Symbols as nm prints them: the last word of a line, without the version behind an @."""
    run = subprocess.run(["nm", *options, library], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"nm {library}: {run.stderr}")
    lines = [line.split() for line in run.stdout.splitlines()]
    return {words[-1].split("@")[0] for words in lines if len(words) >= 2 and len(words[-2]) == 1}


def check(library, opencl):
    dynamic = [] if library.endswith(".a") else ["-D"]
    defined = names(library, *dynamic, "--extern-only", "--defined-only")
    needed = {name for name in names(library, *dynamic, "--undefined-only")
              if re.match(r"cl[A-Z]", name)}
    wrong = sorted(n for n in defined if not n.startswith("tik_") and not TOOLS.match(n))
    late = sorted(needed - set(OPENCL_1_2))
    faults = [f"{library}: {n} is visible, and does not start with tik_" for n in wrong]
    faults += [f"{library}: {n} is not of OpenCL 1.2" for n in late]
    if not any(n.startswith("tik_") for n in defined):
        faults.append(f"{library}: it has no symbol that starts with tik_")
    if opencl and not needed:
        faults.append(f"{library}: it needs nothing of OpenCL, though it was built with it")
    print(f"{library}: {len(defined)} symbols, {len(needed)} functions of OpenCL")
    return faults


def main():
    libraries = [word for word in sys.argv[1:] if word != "--opencl"]
    if not libraries:
        sys.exit(__doc__)
    faults = [f for library in libraries for f in check(library, "--opencl" in sys.argv[1:])]
    print("\n".join(faults), end="\n" if faults else "")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
