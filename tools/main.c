/* The command `tikhonov`: finds the command and hands over. */
#include "command.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    {"devices", "lists the devices, what each was shown to do, and which is chosen", devices_run},
    {"verify", "runs the self-test: every rule on the device against the scalar path", verify_run},
    {"rules", "lists the rules and penalties with their options", rules_run},
    {"prior", "converts between a prior of the parameters and the weight of its penalty",
     prior_run},
    {"step", "applies one regularized step to the tensors of a safetensors file", step_run},
    {"tune", "measures what suits a device, and remembers it", tune_run},
    {"bench", "measures steps beside the limit that memory sets", bench_run},
};

static const size_t command_count = sizeof commands / sizeof *commands;

static void print_help(FILE *to)
{
    fputs("usage: tikhonov COMMAND [OPTION...]\n\n"
          "Regularized optimizer steps on whatever OpenCL device is present, and the same bits on "
          "the CPU.\n\n",
          to);
    for (size_t i = 0; i < command_count; i++)
        fprintf(to, "  %-10s%s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "  --help, -h     this text; 'tikhonov COMMAND --help' tells of a command\n"
          "  --version      the version\n\n"
          "TIKHONOV_DEVICE names the device where no --device does; TIKHONOV_STRICT=1 is "
          "--strict.\n"
          "Exit status: 0 done; 1 the work failed; 2 wrong usage or bad input, no file touched.\n",
          to);
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return COMMAND_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return COMMAND_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("tikhonov %s\n", tik_version());
        return COMMAND_OK;
    }
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            command_start(commands[i].name);
            return commands[i].run(argc - 1, argv + 1);
        }
    return command_error(COMMAND_USAGE,
                         "there is no command '%s'; there are devices, verify, "
                         "rules, prior, step, tune and bench; see 'tikhonov --help'",
                         argv[1]);
}

int main(int argc, char **argv)
{
    /* A file that grows beyond its limit is then an error of write(2), told and tidied up. */
    signal(SIGXFSZ, SIG_IGN);
    const int code = run(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout))
        return command_error(code != COMMAND_OK ? code : COMMAND_FAILED,
                             "the output cannot be written");
    return code;
}
