#!/usr/bin/env python3
"""How long a second process takes from the creation of its context to the end of its first step.

    start.py START [--device D] [--rule R] [--runs N]

START is the program of start.c. Each policy runs once with an empty cache of the library's own (the
driver may have one besides), then N times with the programs in the cache; medians in milliseconds.
"""
import argparse
import os
import statistics
import subprocess
import tempfile

COLUMNS = ['context', 'optimizer', 'prepare', 'first step', 'second step', 'in all']


def run(command, cache):
    environment = dict(os.environ, TIKHONOV_CACHE_DIR=cache)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def main():
    parser = argparse.ArgumentParser(description='Times the start of a process.')
    parser.add_argument('start', metavar='START')
    parser.add_argument('--device', default='opencl')
    parser.add_argument('--rule', default='adamw')
    parser.add_argument('--runs', type=int, default=15)
    arguments = parser.parse_args()
    print('| ms | ' + ' | '.join(COLUMNS) + ' |\n|' + ' --- |' * (len(COLUMNS) + 1))
    for norm in ('0', '1'):
        command = [arguments.start, arguments.device, arguments.rule, norm]
        with tempfile.TemporaryDirectory() as cache:
            rows = {'first process': run(command, cache)}
            later = [run(command, cache) for _ in range(arguments.runs)]
        rows['later ones'] = [statistics.median(column) for column in zip(*later)]
        for name, row in rows.items():
            policy = arguments.rule + (' max_norm=1' if norm == '1' else '')
            print(f'| {policy}, {name} | ' + ' | '.join(f'{value:.2f}' for value in row) + ' |')


main()
