#!/bin/sh
# The kernel suites where one OpenCL runtime alone is to be seen.
#
#     runtimes.sh BUILD oclgrind    a simulator that finds data races, uninitialised reads and
#                                   misuse of the API: any finding is a failure
#     runtimes.sh BUILD rusticl     Mesa's runtime on llvmpipe: another compiler; a third argument is
#                                   the sizes, "single" unless it is given
#     runtimes.sh BUILD none        no platform at all: the scalar path takes over, and says so
#
# BUILD is Meson's build folder. A runtime that is not installed is a skip (77), with CI=true a
# failure.
set -eu

usage='usage: runtimes.sh BUILD oclgrind|rusticl|none [SIZES]'
build=$(cd "${1:?$usage}" && pwd)
runtime=${2:?$usage}
kernels=$(dirname "$0")/../cl
vendors=/etc/OpenCL/vendors

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
out=$folder/out

# Programs are compiled by the runtime under test, not taken from a cache, and they are few.
TIKHONOV_CACHE_DIR=off
TIKHONOV_TEST_SIZES=${3:-single}
export TIKHONOV_CACHE_DIR TIKHONOV_TEST_SIZES

fail() {
    printf '%s: %s\n' "$runtime" "$1"
    exit 1
}

skip() {
    [ "${CI:-}" != true ] || fail "$1, and CI is to have it"
    printf '%s: skipped, %s\n' "$runtime" "$1"
    exit 77
}

# Runs a command into $out; it must end with this status.
must_end_with() {
    expected=$1
    shift
    status=0
    "$@" >"$out" 2>&1 || status=$?
    [ "$status" -eq "$expected" ] && return
    tail -n 60 "$out"
    fail "$(basename "$1") ended with $status, not $expected; its last words are above"
}

# The text must be in $out.
must_say() {
    grep -q -e "$1" "$out" && return
    tail -n 60 "$out"
    fail "\"$1\" is not in the output above"
}

# Runs a command under Oclgrind, with whole_writes.c before it; $folder/findings then holds what was
# found. Findings in kernels go to its log, misuse of the API to stderr; the exit status is the
# command's own. LD_PRELOAD takes no path with a space, so the module is named from its folder.
# Oclgrind 21.10 does not know what LLVM makes of `restrict` where it puts cl/many.cl's loop into its
# kernel, and refuses the kernel: the word, which changes no result, is taken out of all of them.
grind() {
    status=0
    # shellcheck disable=SC2016
    (cd "$build/tests" && exec oclgrind --data-races --uninitialized --check-api \
        --build-options -Drestrict= --max-errors 20 --log "$folder/log" \
        sh -c 'LD_PRELOAD=./whole_writes.so:$LD_PRELOAD exec "$@"' sh "$@") \
        >"$out" 2>"$folder/errors" || status=$?
    ! grep 'cannot be preloaded' "$folder/errors" || fail 'whole_writes.so was not loaded'
    grep -A 3 '^Oclgrind' "$folder/errors" >"$folder/findings" || :
    cat "$folder/log" >>"$folder/findings"
    cat "$folder/errors" >>"$out"
}

# A value that is not set, but changes no result, must be found, or the clean run proves nothing.
find_planted_value() {
    rm -rf "$folder/cl"
    cp -R "$kernels" "$folder/cl"
    sed 's/report->squares\[n\] = report->zeros\[n\] = 0\.0f/report->squares[n] = 0.0f/' "$kernels/step.cl" \
        >"$folder/cl/step.cl"
    ! cmp -s "$kernels/step.cl" "$folder/cl/step.cl" ||
        fail 'cl/step.cl no longer has the zeros that are to be taken out'
    TIKHONOV_CL_PATH=$folder/cl
    export TIKHONOV_CL_PATH
    grind "$build/tools/tikhonov" devices
    grep -q 'Uninitialized\|uninitialized' "$folder/findings" && return
    tail -n 60 "$out"
    fail 'values in cl/step.cl were left unset, and none was found'
}

# So must a race.
find_planted_race() {
    rm -rf "$folder/cl"
    cp -R "$kernels" "$folder/cl"
    grep -v 'the caller may use scratch again' "$kernels/reduce.cl" >"$folder/cl/reduce.cl" || :
    [ "$(wc -l <"$kernels/reduce.cl")" -eq $(($(wc -l <"$folder/cl/reduce.cl") + 1)) ] ||
        fail 'cl/reduce.cl no longer has the barrier that is to be taken out'
    TIKHONOV_CL_PATH=$folder/cl
    export TIKHONOV_CL_PATH
    grind "$build/tools/tikhonov" devices # whose known-answer run includes a report, and so sums
    grep -q 'data race' "$folder/findings" && return
    tail -n 60 "$out"
    fail 'a barrier was taken out of cl/reduce.cl, and no data race was found'
}

run_oclgrind() {
    command -v oclgrind >/dev/null 2>&1 || skip 'oclgrind is not installed'
    TIKHONOV_DEVICE=Oclgrind
    export TIKHONOV_DEVICE
    grind "$build/tests/test_bits"
    if [ -s "$folder/findings" ]; then
        head -n 60 "$folder/findings"
        fail 'findings, the first of them above'
    fi
    [ "$status" -eq 0 ] || { tail -n 60 "$out" && fail "test_bits ended with $status, see above"; }
    must_say Oclgrind
    find_planted_value
    find_planted_race
    echo 'oclgrind: 0 findings; a planted race and a planted unset value were found'
}

run_rusticl() {
    [ -e "$vendors/rusticl.icd" ] || skip "there is no $vendors/rusticl.icd"
    cp "$vendors/rusticl.icd" "$folder/"
    OCL_ICD_VENDORS=$folder
    RUSTICL_ENABLE=llvmpipe
    TIKHONOV_DEVICE=llvmpipe
    MESA_SHADER_CACHE_DISABLE=true
    export OCL_ICD_VENDORS RUSTICL_ENABLE TIKHONOV_DEVICE MESA_SHADER_CACHE_DISABLE
    unset ASAN_OPTIONS # whole stacks of its threads make them wait for each other
    must_end_with 0 "$build/tests/test_bits"
    must_say llvmpipe
    # It keeps no subnormals for fma: none may come to the correction's.
    must_end_with 0 "$build/tests/test_correction" llvmpipe quick
    must_say llvmpipe
    echo 'rusticl: the same bits on llvmpipe, / and sqrt also corrected'
}

run_none() {
    mkdir "$folder/vendors"
    OCL_ICD_VENDORS=$folder/vendors
    export OCL_ICD_VENDORS
    unset OCL_ICD_FILENAMES OPENCL_VENDOR_PATH TIKHONOV_DEVICE
    must_end_with 77 "$build/tests/test_bits"
    must_end_with 0 "$build/tools/tikhonov" devices
    must_say scalar
    must_end_with 0 "$build/demos/01_weight_decay" --json --no-plot --out "$folder"
    must_say '"backend":[[:space:]]*"scalar"'
    must_say '"val_loss":[[:space:]]*[0-9]'
    must_end_with 2 "$build/tools/tikhonov" verify --device opencl
    must_say 'no OpenCL device answers'
    echo 'none: the scalar path did the main job; asking for a device is an error'
}

case $runtime in
oclgrind) run_oclgrind ;;
rusticl) run_rusticl ;;
none) run_none ;;
*) fail "$usage" ;;
esac
