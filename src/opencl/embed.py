#!/usr/bin/env python3
"""Writes the kernels into a C file: one array of bytes, its length and its hash a program.

    embed.py OUT.c CL_FOLDER [--depfile OUT.d] adam=adam.cl,step.cl norm=norm.cl ...

A program is a name and its root files. Its text is the roots one after the other, in which each
line #include "NAME" is replaced by the file NAME of the same folder; a file that was taken before
is not taken again. src/opencl/source.c does the same at run time and must give the same bytes
(tests/test_source.c compares them).
"""
import argparse
import os
import re
import sys

INCLUDE = re.compile(rb'[ \t]*#[ \t]*include(?![A-Za-z0-9_])')
PLAIN = re.compile(rb'#include "([^"]+)"[ \t\r]*')
PROGRAM = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')


class Error(Exception):
    """What is wrong with the sources, in words."""


class Flattening:
    """The text of one program while it grows, and the files that went into it."""

    def __init__(self, folder):
        self.folder = folder
        self.text = bytearray()
        self.files = []
        self.open = []

    def take(self, name, included_by=''):
        if name in self.open:
            raise Error(f'include cycle in folder "{self.folder}": '
                        + ' -> '.join(self.open[self.open.index(name):] + [name]))
        if name in self.files:
            return
        self.files.append(name)
        try:
            with open(os.path.join(self.folder, name), 'rb') as file:
                content = file.read()
        except OSError as error:
            raise Error(f'kernel source "{name}" in folder "{self.folder}"{included_by}: '
                        f'{error.strerror}') from error
        self.open.append(name)
        self.take_lines(name, content)
        self.open.pop()

    def take_lines(self, name, content):
        lines = content.split(b'\n')
        if not lines[-1]:
            lines.pop()
        for number, line in enumerate(lines, 1):
            if not INCLUDE.match(line):
                self.text += line + b'\n'
                continue
            plain = PLAIN.fullmatch(line)
            if not plain:
                raise Error(f'kernel source "{name}" line {number} in folder "{self.folder}": '
                            'an include must read #include "NAME", at the start of the line')
            self.take(os.fsdecode(plain[1]), f', included by "{name}" line {number}')


def fnv1a(data):
    """FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/"""
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return value


def program_text(argument, folder):
    """From NAME=ROOT,ROOT to the name, the roots and the flattened text."""
    name, _, roots = argument.partition('=')
    roots = roots.split(',')
    if not PROGRAM.fullmatch(name) or not all(roots):
        raise Error(f'program "{argument}": it must read NAME=ROOT.cl,ROOT.cl with a C name')
    flattening = Flattening(folder)
    for root in roots:
        flattening.take(root)
    return name, roots, flattening


def c_bytes(data):
    """The rows of an array of bytes; the zero at the end makes it a C string as well."""
    data = data + b'\0'
    rows = (data[at:at + 20] for at in range(0, len(data), 20))
    return ''.join('    ' + ' '.join(f'{byte},' for byte in row) + '\n' for row in rows)


def c_string(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def c_file(programs):
    parts = ['/* Written by src/opencl/embed.py from the files in cl/. */\n'
             '#include "opencl/source.h"\n']
    rows = []
    for name, roots, flattening in programs:
        listed = ', '.join(c_string(root) for root in roots)
        parts.append(f'static const char *const {name}_roots[] = {{{listed}, NULL}};\n'
                     f'static const unsigned char {name}_text[] = {{\n'
                     f'{c_bytes(flattening.text)}}};\n')
        rows.append(f'    {{{c_string(name)}, {name}_roots, {name}_text, {len(flattening.text)}, '
                    f'UINT64_C({fnv1a(flattening.text):#018x})}},\n')
    parts.append('const struct tik_embedded tik_embedded[] = {\n' + ''.join(rows) + '};\n'
                 f'const size_t tik_embedded_count = {len(rows)};\n')
    return '\n'.join(parts)


def depfile(out, programs):
    """A rule of make: the C file depends on every file that was read."""
    def quoted(path):
        return re.sub(r'([ #\\])', r'\\\1', path).replace('$', '$$')
    files = {os.path.join(flattening.folder, file)
             for _, _, flattening in programs for file in flattening.files}
    return quoted(out) + ': ' + ' '.join(quoted(file) for file in sorted(files)) + '\n'


def main():
    parser = argparse.ArgumentParser(description='Embeds kernel sources in a C file.')
    parser.add_argument('out', metavar='OUT.c')
    parser.add_argument('folder', metavar='CL_FOLDER')
    parser.add_argument('programs', metavar='NAME=ROOT.cl,ROOT.cl', nargs='+')
    parser.add_argument('--depfile', metavar='OUT.d')
    arguments = parser.parse_args()
    try:
        programs = [program_text(argument, arguments.folder) for argument in arguments.programs]
        names = [name for name, _, _ in programs]
        if len(set(names)) < len(names):
            raise Error(f'each program must have a name of its own: {", ".join(names)}')
        with open(arguments.out, 'w', encoding='ascii') as file:
            file.write(c_file(programs))
        if arguments.depfile:
            with open(arguments.depfile, 'w', encoding='utf-8') as file:
                file.write(depfile(arguments.out, programs))
    except (Error, OSError) as error:
        sys.exit(f'embed.py: {error}')


if __name__ == '__main__':
    main()
