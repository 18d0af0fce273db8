"""embed.py NN.CL OUT.C: a kernel file as an array of bytes, so that the program needs no file."""

import sys

with open(sys.argv[1], "rb") as kernel:
    source = kernel.read()
lines = [
    "    " + ", ".join(f"{byte:3d}" for byte in source[i : i + 16]) + ","
    for i in range(0, len(source), 16)
]
with open(sys.argv[2], "w", encoding="ascii") as out:
    out.write("#include <stddef.h>\n\n")
    out.write("extern const char nn_source[];\nextern const size_t nn_source_length;\n\n")
    out.write("const char nn_source[] = {\n" + "\n".join(lines) + "\n    0,\n};\n")
    out.write("const size_t nn_source_length = sizeof nn_source - 1;\n")
