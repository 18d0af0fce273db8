#!/usr/bin/env python3
"""Compiles the kernels for devices that are not here, with clang alone.

    check_kernels.py EMBED.py CL_FOLDER CLANG

Syntax: every rule's forms and every stage of penalty.cl, for spir64, warnings as errors. Arithmetic:
in the machine code of a step without `/` and sqrt there must be no fused multiply-add, since none
is written (docs/numerics.md); looked for in what clang makes for AMD and NVIDIA. The fma of
cl/correction.cl is written, and must be called where / and sqrt are corrected, and nowhere else.
Exits with 77, a skip, where there is no such clang.
"""
import importlib.util
import itertools
import re
import subprocess
import sys

# Forms of the rules: function, states; and the programs that hold them.
RULES = {
    'sgd': [('sgd', 0), ('sgd_momentum', 1), ('sgd_nesterov', 1),
            ('sgd_paced', 1), ('sgd_paced_nesterov', 1)],
    'adam': [('adam', 2), ('adam_amsgrad', 3)],
    'nadam': [('nadam', 2)],
    'radam': [('radam', 2)],
    'adamax': [('adamax', 2)],
    'adagrad': [('adagrad', 1)],
    'adadelta': [('adadelta', 2)],
    'rmsprop': [('rmsprop', 1), ('rmsprop_momentum', 2), ('rmsprop_centered', 2),
                ('rmsprop_centered_momentum', 3)],
    'rprop': [('rprop', 2)],
    'asgd': [('asgd', 1)],
    'lion': [('lion', 1)],
    'ftrl': [('ftrl', 2), ('ftrl_power', 2)],
    'lamb': [('lamb', 2), ('lamb_plain', 2)],
    'lars': [('lars', 0), ('lars_momentum', 1), ('lars_apex', 0), ('lars_apex_momentum', 1)],
    'adabelief': [('adabelief', 2)],
    'ademamix': [('ademamix', 3)],
    'muon': [('muon', 1)],
    'adafactor': [('adafactor', 0)],
    'schedule_free_adamw': [('schedule_free_adamw', 2)],
}
AFTER = {'asgd': 'asgd_average'}
FOLLOW = {'schedule_free_adamw': 'schedule_free_adamw_follow'}
# Each element's own step, and the penalties that ask for it, or for what the element has paid.
RATE = {'adam': 'adam_rate', 'adam_amsgrad': 'adam_amsgrad_rate', 'nadam': 'nadam_rate',
        'radam': 'radam_rate', 'adamax': 'adamax_rate', 'adagrad': 'adagrad_rate',
        'adadelta': 'adadelta_rate', 'rmsprop': 'rmsprop_rate', 'rmsprop_momentum': 'rmsprop_rate',
        'rmsprop_centered': 'rmsprop_centered_rate',
        'rmsprop_centered_momentum': 'rmsprop_centered_rate', 'adabelief': 'adabelief_rate',
        'ademamix': 'ademamix_rate'}
OWN = ('l1_diagonal', 'l2_diagonal', 'elastic_net_diagonal', 'lp_three_halves_diagonal',
       'lp_cubic_diagonal', 'l1_cumulative')
SUBTRACT = {'ftrl': 'replace'}
COPIES = ('bf16_nearest', 'bf16_stochastic', 'fp16_nearest', 'fp16_stochastic')
CORRECTED = ['-DQUOTIENT=corrected_quotient', '-DROOT=corrected_root']
PENALTIES = ('none', 'l1', 'l2', 'elastic_net', 'lp_three_halves', 'lp_cubic', 'lp_power')
COUPLED_ONLY = ('lp_power',)
# Stems, and forms of theirs, whose step depends on norms of its tensor: their stages in measure.cl,
# and what they store.
MEASURE = {
    'lamb': {'MEASURE': 'lamb_measure', 'RATIO_OF': 'lamb_ratio_of', 'MEASURES': 2, 'MEASURED': 2,
             'STORED': 0, 'RATIO': 1, 'RATIO_IN': 'lamb_ratio_in'},
    'lamb_plain': {'MEASURE': 'measure_none', 'RATIO_OF': 'ratio_of_none', 'MEASURES': 0,
                   'MEASURED': 0},
    'lars': {'MEASURE': 'lars_measure_decayed', 'RATIO_OF': 'lars_ratio_of_apex', 'MEASURED': 0,
             'MEASURES': 0, 'RATIO': 1, 'RATIO_IN': 'lars_ratio_in'},
    'muon': {'MEASURE': 'muon_measure_nesterov', 'RATIO_OF': 'muon_norm', 'MEASURES': 1,
             'MEASURED': 0, 'ITERATED': 1, 'ADJUST': 'muon_match_rms_adamw'},
    'adafactor': {'MEASURE': 'adafactor_measure', 'RATIO_OF': 'adafactor_ratio_of', 'MEASURES': 0,
                  'MEASURED': 0, 'RATIO': 1, 'RATIO_IN': 'adafactor_ratio_in', 'LINES': 1,
                  'LINE': 'adafactor_line', 'MEAN': 'adafactor_mean'},
}
# What their programs begin from, where that is not step.cl.
FRAMES = {'lamb': 'measure.cl', 'lars': 'measure.cl', 'muon': 'iterate.cl', 'adafactor': 'lines.cl'}
GATHER = {'GATHER': 'gather_mean', 'LIMIT': 'limit_by_value', 'GUARD': 1, 'ZERO_GRAD': 1}
SCOPES = ('unit_of_tensor', 'unit_of_row', 'unit_of_column')
FACTORS = ('factor_lasso', 'factor_ball', 'factor_coupled_lasso')
SHAPES = ('l1_ball', 'simplex')
WARNINGS = ['-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror']
BASE = ['-x', 'cl', '-cl-std=CL1.2', '-Xclang', '-finclude-default-header', '-nogpulib']
MACHINES = {
    'amdgcn-amd-amdhsa': (['-mcpu=gfx1030'], r'\bv_(?:pk_)?(?:fma|fmac|mac|mad)[a-z_]*_f32'),
    'nvptx64-nvidia-nvcl': ([], r'\bfma\.rn\.f32'),
}


def flatten(embed, folder, roots):
    spec = importlib.util.spec_from_file_location('embed', embed)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    flattening = module.Flattening(folder)
    for root in roots:
        flattening.take(root)
    return bytes(flattening.text)


def compile_text(clang, text, options):
    done = subprocess.run([clang, *BASE, *options, '-'], input=text, capture_output=True)
    if done.returncode:
        sys.exit(f'check_kernels: {" ".join(options)}\n{done.stderr.decode()}')
    return done.stdout.decode(errors='replace')


def chosen_stages(form, states, stem, penalty, report, local_size):
    chosen = {**GATHER, 'UNSCALE': 'unscale_by_control', 'CLIP': 'clip_by_norm',
              'CLIP_AT': 'unit_of_tensor', 'LIMIT_LATE': 'limit_none', 'GROUPED': 'grouped_none',
              'GROUPED_AT': 'unit_of_tensor', 'DIRECTION': 'ascend',
              'BEFORE': 'decay', 'BEHIND': 'decay', 'RULE': form, 'SCALARS': stem + '_scalars', 'STATES': states, 'STORED': states, 'RATIO': 0,
              'RATIO_IN': 'ratio_none', 'ITERATED': 0, 'ADJUST': 'adjust_none', 'SUM': report, 'EMA': report, 'REPORT': report, 'LATE': 0,
              'STATES_AFTER': states if stem in AFTER or stem in FOLLOW else 0, 'RATE': RATE.get(form, 'rate_none'),
              'PAID': report, 'LINES': 0, 'COPY': 'fp16_stochastic' if report else 'copy_none',
              'COPIES': report, 'RANDOM': report,
              'FROM': 'from_state' if stem in FOLLOW else 'from_parameter',
              'TAKE': 'take_decay_and_step', 'SUBTRACT': SUBTRACT.get(stem, 'subtract'),
              'FOLLOWS': int(stem in FOLLOW), 'MOVED': int(stem in FOLLOW and penalty != 'none'),
              'FOLLOW': FOLLOW.get(stem, 'follow_none'), 'AFTER': AFTER.get(stem, 'after_none'), 'LOCAL_SIZE': local_size,
              **MEASURE.get(form, MEASURE.get(stem, {}))}
    proximal = 'none' if penalty in COUPLED_ONLY else penalty
    for slot in range(5):
        chosen[f'COUPLED_{slot}'] = 'coupled_' + penalty
        chosen[f'PROXIMAL_{slot}'] = 'proximal_' + proximal
        chosen[f'VALUE_{slot}'] = 'value_' + penalty
    return chosen


def defines(chosen):
    return [f'-D{name}={value}' for name, value in chosen.items()]


def stages(*what):
    return defines(chosen_stages(*what))


def check_program(clang, text, chosen):
    compile_text(clang, text, ['-target', 'spir64', '-fsyntax-only', *WARNINGS, *defines(chosen)])
    return 1


def body(assembly, kernel):
    """The lines of one kernel: from its label or .entry to the end of the function."""
    begin = re.search(rf'^(?:{kernel}:|\.entry {kernel}\()', assembly, re.M)
    end = re.search(r'^(?:\.Lfunc_end\d+:|\})', assembly[begin.end():], re.M)
    return assembly[begin.start():begin.end() + end.start()]


def check_syntax(clang, programs):
    count = 0
    for stem, forms in RULES.items():
        # Every penalty once, with sgd; every rule with the stages of one.
        wide = (PENALTIES, (0, 1), (1, 32, 256)) if stem == 'sgd' else (
            ('l1',), (0, 1), (1, 32, 256) if stem == 'adafactor' else (256,))
        for (form, states), penalty, report, size in itertools.product(forms, *wide):
            compile_text(clang, programs[stem], ['-target', 'spir64', '-fsyntax-only', *WARNINGS,
                                                 *stages(form, states, stem, penalty, report, size)])
            count += 1
    alone = {**GATHER, 'GATHER': 'gather_alone', 'LIMIT': 'limit_none', 'GUARD': 0, 'ZERO_GRAD': 0}
    for size, gather in itertools.product((1, 32, 256), (GATHER, alone)):
        guard = gather['GUARD']
        for clip_all, second, unit in ((1, 0, 'clip_norm'), (0, 0, 'clip_norm'),
                                       (0, 1, 'clip_adaptive')):
            count += check_program(clang, programs['norm'], {
                **gather, 'UNSCALE': 'unscale_by_coming', 'SUM': guard, 'CLIP_ALL': clip_all,
                'UNITS': 1 - clip_all, 'SECOND': second, 'CHECK': guard, 'CLIP_UNIT': unit,
                'LOCAL_SIZE': size})
        for factor, shape in itertools.product(FACTORS, SHAPES):
            count += check_program(clang, programs['group'], {
                'GUARD': guard, 'PROJECT': int(factor == FACTORS[0]), 'FACTOR': factor,
                'HEIGHT': 'height_' + shape, 'REST': 'rest_' + shape,
                'BALL': int(shape == 'l1_ball'), 'LOCAL_SIZE': size})
    for own, report, size in itertools.product(OWN, (0, 1), (1, 32, 256)):
        chosen = chosen_stages('adam', 2, 'adam', 'l1', report, size)
        for slot in range(5):
            chosen[f'PROXIMAL_{slot}'] = 'proximal_' + own
        count += check_program(clang, programs['adam'], chosen)
    for copy, size in itertools.product(COPIES, (1, 32, 256)):
        count += check_program(clang, programs['sgd'], {
            **chosen_stages('sgd', 0, 'sgd', 'l1', 0, size), 'COPY': copy, 'COPIES': 1,
            'RANDOM': int(copy.endswith('stochastic')), 'LATE': int(size == 32)})
    for scope in SCOPES:
        count += check_program(clang, programs['sgd'], {
            **chosen_stages('sgd', 0, 'sgd', 'l1', 1, 256), 'CLIP': 'clip_by_unit',
            'CLIP_AT': scope, 'GROUPED': 'grouped_by_unit', 'GROUPED_AT': scope, 'LATE': 1,
            'LIMIT': 'limit_none', 'LIMIT_LATE': 'limit_by_value'})
    for stem in FOLLOW:
        (form, states), = RULES[stem]
        count += check_program(clang, programs[stem], {
            **chosen_stages(form, states, stem, 'l1', 1, 256), 'LATE': 1})
    for stem in RULES:
        if stem + '_many' not in programs:
            continue
        # 0 to 3 states with every number of tensors, and all other rules with one.
        for (form, states), tensors in itertools.product(
                RULES[stem], (2, 4, 8, 16, 32) if stem in ('sgd', 'adam') else (8,)):
            count += check_program(clang, programs[stem + '_many'], {
                **chosen_stages(form, states, stem, 'l1', 0, 256), 'GUARD': 0, 'ZERO_GRAD': 0,
                'GATHER': 'gather_alone', 'UNSCALE': 'unscale_none', 'TENSORS': tensors,
                'EACH': f'EACH_{tensors}', 'POINTERS': f'POINTERS_{states}',
                'CHOICE': f'CHOICE_{states}'})
    for tensors, clips, checks in itertools.product((2, 4, 8, 16, 32), (0, 1), (0, 1)):
        count += check_program(clang, programs['norm_many'], {
            'GATHER': 'gather_alone', 'UNSCALE': 'unscale_by_coming', 'LIMIT': 'limit_by_value',
            'SUM': 0, 'CLIP_ALL': clips, 'UNITS': 0, 'SECOND': 0, 'CHECK': checks,
            'CLIP_UNIT': 'clip_norm', 'TENSORS': tensors, 'EACH': f'EACH_{tensors}',
            'LOCAL_SIZE': 256})
    for displacement in (-3, 0, 3):
        chosen = [*CORRECTED, f'-DDISPLACE={displacement}']
        compile_text(clang, programs['adam'], ['-target', 'spir64', '-fsyntax-only', *WARNINGS,
                                               *stages('adam', 2, 'adam', 'l2', 1, 256), *chosen])
        compile_text(clang, programs['norm'], [
            '-target', 'spir64', '-fsyntax-only', *WARNINGS, *chosen,
            *defines({**GATHER, 'UNSCALE': 'unscale_by_coming', 'SUM': 1, 'CLIP_ALL': 1,
                      'UNITS': 0, 'SECOND': 0, 'CHECK': 1, 'CLIP_UNIT': 'clip_norm', 'LOCAL_SIZE': 256})])
        count += 2
    return count


def check_no_fusion(clang, programs):
    """Steps of sgd with coupled penalties and a prox: * and + side by side, and no division."""
    count = 0
    for machine, (options, fused) in MACHINES.items():
        for (form, states), penalty in itertools.product(RULES['sgd'], ('elastic_net', 'lp_power')):
            chosen = [s for s in stages(form, states, 'sgd', penalty, 1, 256)
                      if not s.startswith('-DPROXIMAL')]
            chosen += [f'-DPROXIMAL_{slot}=proximal_elastic_net' for slot in range(5)]
            assembly = compile_text(clang, programs['sgd'],
                                    ['-target', machine, *options, '-O3', '-S', '-o', '-', *chosen])
            found = re.findall(fused, body(assembly, 'tik_step'))
            if found:
                sys.exit(f'check_kernels: {machine}, {form}, {penalty}: {len(found)} fused operations '
                         f'that nobody wrote, such as {found[0]}')
            count += 1
    # The check itself: without the pragma clang fuses.
    text = programs['sgd'].replace(b'#pragma OPENCL FP_CONTRACT OFF', b'')
    for machine, (options, fused) in MACHINES.items():
        chosen = stages('sgd_momentum', 1, 'sgd', 'l1', 0, 256)
        assembly = compile_text(clang, text, ['-target', machine, *options, '-O3', '-S', '-o', '-',
                                              *chosen])
        if not re.search(fused, body(assembly, 'tik_step')):
            sys.exit(f'check_kernels: {machine}: the check does not see a fused operation')
    return count


def check_correction(clang, programs):
    """
    The written fma is in a corrected step of adam, not in a plain one, nor in one without / and
    sqrt. On AMD alone, for which clang inlines all functions of the kernel.
    """
    machine, (options, _) = next(iter(MACHINES.items()))
    cases = [('adam', 2, CORRECTED, True), ('adam', 2, [], False), ('sgd', 0, CORRECTED, False)]
    for form, states, correction, expected in cases:
        chosen = [*options, '-O3', *stages(form, states, form, 'none', 0, 256), *correction]
        assembly = compile_text(clang, programs[form],
                                ['-target', machine, '-S', '-o', '-', *chosen])
        found = '_Z3fmafff' in body(assembly, 'tik_step')
        if found != expected:
            sys.exit(f'check_kernels: {machine}, {form} {" ".join(correction)}: '
                     f'{"there is" if found else "there is no"} call of fma')
    return len(cases)


def main():
    embed, folder, clang = sys.argv[1:]
    try:
        subprocess.run([clang, '--version'], capture_output=True, check=True)
    except OSError:
        print(f'no {clang}: skipped')
        sys.exit(77)
    programs = {stem: flatten(embed, folder, [stem + '.cl', FRAMES.get(stem, 'step.cl')])
                for stem in RULES}
    programs |= {stem + '_many': flatten(embed, folder, [stem + '.cl', 'many.cl'])
                 for stem in RULES if stem not in MEASURE}
    for alone in ('norm', 'norm_many', 'group'):
        programs[alone] = flatten(embed, folder, [alone + '.cl'])
    print(f'{check_syntax(clang, programs)} programs compile for spir64 without a warning')
    print(f'{check_no_fusion(clang, programs)} steps have no fused operation on '
          f'{" and ".join(MACHINES)}')
    print(f'{check_correction(clang, programs)} steps have the written fma where / and sqrt are '
          'corrected, and there alone')


main()
