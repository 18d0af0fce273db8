/* The arguments of tikhonov step, up to the policy that they describe. */
#include "step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <getopt.h>

#include "command.h"

/* In two parts: compilers need not take longer strings. */
static const char help[] =
    "usage: tikhonov step --rule RULE --params P --grads G --out P2 --state-out S2 [OPTION...]\n\n"
    "Applies one step to every tensor of P, with the gradients of G: safetensors files of F32.\n\n"
    "  --rule RULE         sgd, adam, ...; 'tikhonov rules' lists them with their options\n"
    "  --set KEY=VALUE     sets an option of the rule, as in --set lr=1e-3; repeatable\n"
    "  --preset NAME       takes rule and options as that library has them (pytorch, keras, ...;\n"
    "                      see 'tikhonov rules'): --preset keras --rule adamw\n"
    "                      --set weight_decay=1e-2 --set global_clipnorm=1\n"
    "  --penalty NAME[,KEY=VALUE...]\n"
    "                      adds a penalty, as in l1,weight=1e-4,application=proximal; repeatable\n"
    "  --no-decay GLOB     frees the tensors whose whole name matches from every penalty; "
    "repeatable\n"
    "  --freeze GLOB       leaves them out of the step, which then needs no gradient of them;\n"
    "                      repeatable\n"
    "  --max-norm X        clips the gradients, all together, to this norm\n"
    "  --clip-norm X       clips each tensor's gradient to this norm\n"
    "  --agc X             clips each row of a gradient to X times the norm of the parameter's row\n"
    "  --clip-value X      clips each gradient to [-X, X], before any norm\n"
    "  --loss-scale V      the gradients are V times what they should be; a step with one that is\n"
    "                      not finite is skipped; dynamic: 65536 at first, then as in the state,\n"
    "                      halved by a skipped step and doubled by 2000 others\n"
    "  --nonfinite WHAT    where a gradient is not finite: propagate (default), skip the step, or\n"
    "                      error\n"
    "  --nonfinite-limit N fails, and writes nothing, where this is the N-th skipped step in a row\n"
    "  --schedule NAME[,KEY=VALUE...]\n"
    "                      what the learning rate of step t is multiplied by: constant, step,\n"
    "                      cosine, linear, polynomial, exponential, piecewise, cosine_restarts,\n"
    "                      one_cycle or inverse, with warmup (steps), warmup_start, total_steps,\n"
    "                      step_size, gamma, final, power, cycle_mult, pct_start, div_factor,\n"
    "                      final_div_factor, milestones: cosine,warmup=100,total_steps=1000;\n"
    "                      piecewise,milestones=30:60. Equations: tikhonov/schedule.h\n";
static const char more_help[] =
    "  --ema D[,debias]    keeps a moving average of the parameters, of decay D, in the state\n"
    "  --ema-out FILE      the average after the step\n"
    "  --eval-out FILE     schedule_free_adamw: where the model is evaluated, after the step\n"
    "  --copy FORMAT       makes a low-precision copy of the parameters, bf16 or fp16, for --copy-out\n"
    "  --copy-rounding R   nearest (default), or stochastic: to either side, by chance, so that the\n"
    "                      copies are the parameters on average\n"
    "  --seed N            of that chance (default 0)\n"
    "  --copy-out FILE     the copy after the step: a safetensors file of BF16 or F16\n"
    "  --params FILE       parameters\n"
    "  --grads FILE        gradients: a tensor of the same name and shape for each parameter\n"
    "  --state FILE        state of the rule as a step left it; without it the state is fresh and\n"
    "                      this is step 1\n"
    "  --out FILE          parameters after the step; may be the file of --params\n"
    "  --state-out FILE    state after the step; may be the file of --state\n"
    "  --device D          auto, scalar, opencl, an index such as 0.1, or part of a name\n"
    "                      (default: the variable TIKHONOV_DEVICE, else auto)\n"
    "  --verify WHAT       all, sample or off: compares the step with the scalar path's (default\n"
    "                      off); where they differ, nothing is written\n"
    "  --strict            fails where the scalar path would have to take over from the device\n"
    "  --threads N         threads of the scalar path; the bits do not depend on it\n"
    "  --memory-limit B    bytes of the device's memory, as in 512Mi: what does not fit goes through\n"
    "                      it chunk by chunk (chunks have 16 Ki elements at least); the bits do\n"
    "                      not depend on it\n"
    "  --help, -h          this text\n\n"
    "Files are written beside their places, flushed, and renamed. Exit status: 0 done; 1 the work\n"
    "failed; 2 wrong usage or bad input. The files are as before unless it is 0.\n";

enum {
    RULE = 256,
    SET,
    PENALTY,
    NO_DECAY,
    FREEZE,
    MAX_NORM,
    PARAMS,
    GRADS,
    STATE,
    OUT,
    STATE_OUT,
    DEVICE,
    EMA_OUT,
    EVAL_OUT,
    CLIP_NORM,
    AGC,
    CLIP_VALUE,
    LOSS_SCALE,
    NONFINITE,
    EMA,
    VERIFY,
    STRICT,
    THREADS,
    PRESET,
    MEMORY_LIMIT,
    COPY,
    COPY_ROUNDING,
    COPY_OUT,
    SEED,
    SCHEDULE,
    NONFINITE_LIMIT,
};

static const struct option options[] = {
    {"rule", required_argument, NULL, RULE},
    {"set", required_argument, NULL, SET},
    {"penalty", required_argument, NULL, PENALTY},
    {"no-decay", required_argument, NULL, NO_DECAY},
    {"freeze", required_argument, NULL, FREEZE},
    {"max-norm", required_argument, NULL, MAX_NORM},
    {"clip-norm", required_argument, NULL, CLIP_NORM},
    {"agc", required_argument, NULL, AGC},
    {"clip-value", required_argument, NULL, CLIP_VALUE},
    {"loss-scale", required_argument, NULL, LOSS_SCALE},
    {"nonfinite", required_argument, NULL, NONFINITE},
    {"nonfinite-limit", required_argument, NULL, NONFINITE_LIMIT},
    {"schedule", required_argument, NULL, SCHEDULE},
    {"ema", required_argument, NULL, EMA},
    {"ema-out", required_argument, NULL, EMA_OUT},
    {"eval-out", required_argument, NULL, EVAL_OUT},
    {"copy", required_argument, NULL, COPY},
    {"copy-rounding", required_argument, NULL, COPY_ROUNDING},
    {"copy-out", required_argument, NULL, COPY_OUT},
    {"seed", required_argument, NULL, SEED},
    {"params", required_argument, NULL, PARAMS},
    {"grads", required_argument, NULL, GRADS},
    {"state", required_argument, NULL, STATE},
    {"out", required_argument, NULL, OUT},
    {"state-out", required_argument, NULL, STATE_OUT},
    {"device", required_argument, NULL, DEVICE},
    {"verify", required_argument, NULL, VERIFY},
    {"strict", no_argument, NULL, STRICT},
    {"threads", required_argument, NULL, THREADS},
    {"preset", required_argument, NULL, PRESET},
    {"memory-limit", required_argument, NULL, MEMORY_LIMIT},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int read_verify(struct step_arguments *arguments, const char *text)
{
    static const char *const names[] = {
        [TIK_VERIFY_OFF] = "off", [TIK_VERIFY_SAMPLE] = "sample", [TIK_VERIFY_ALL] = "all"};
    for (int i = TIK_VERIFY_OFF; i <= TIK_VERIFY_ALL; i++)
        if (strcmp(text, names[i]) == 0) {
            arguments->options.verify = (enum tik_verify)i;
            return COMMAND_OK;
        }
    return command_error(COMMAND_USAGE, "--verify is '%s'; all, sample or off is due", text);
}

static int read_memory_limit(struct step_arguments *arguments, const char *text)
{
    size_t bytes;
    if (!command_parse_count(text, strlen(text), 0x1p60, &bytes))
        return command_error(COMMAND_USAGE,
                             "--memory-limit is '%s'; a number of bytes is due, as in 512Mi", text);
    arguments->options.memory_limit = bytes;
    return COMMAND_OK;
}

static int add_text(struct text_list *list, const char *option, char *text)
{
    if (text[0] == '\0')
        return command_error(COMMAND_USAGE, "%s is empty", option);
    list->items[list->count++] = text;
    return COMMAND_OK;
}

static int read_option(struct step_arguments *arguments, int option, char *text)
{
    switch (option) {
    case SET:
        return add_text(&arguments->sets, "--set", text);
    case PENALTY:
        return add_text(&arguments->penalties, "--penalty", text);
    case NO_DECAY:
        return add_text(&arguments->no_decay, "--no-decay", text);
    case FREEZE:
        return add_text(&arguments->freeze, "--freeze", text);
    case MAX_NORM:
        return command_parse_max_norm("--max-norm", text, &arguments->options.max_norm);
    case CLIP_NORM:
        return command_parse_max_norm("--clip-norm", text, &arguments->options.clip_norm);
    case AGC:
        return command_parse_max_norm("--agc", text, &arguments->options.agc);
    case CLIP_VALUE:
        return command_parse_max_norm("--clip-value", text, &arguments->options.clip_value);
    case LOSS_SCALE:
        return step_around_scale(arguments, text);
    case NONFINITE:
        return step_around_nonfinite(arguments, text);
    case NONFINITE_LIMIT:
        return step_around_limit(arguments, text);
    case SCHEDULE:
        return step_schedule_read(arguments, text);
    case EMA:
        return step_around_ema(arguments, text);
    case COPY:
        return command_parse_copy("--copy", text, &arguments->copy);
    case COPY_ROUNDING:
        return command_parse_rounding("--copy-rounding", text, &arguments->rounding);
    case SEED:
        return step_around_seed(arguments, text);
    case COPY_OUT:
        arguments->copy_out = text;
        return COMMAND_OK;
    case VERIFY:
        return read_verify(arguments, text);
    case THREADS:
        return command_parse_threads(text, &arguments->threads);
    case MEMORY_LIMIT:
        return read_memory_limit(arguments, text);
    case STRICT:
        arguments->strict = true;
        return COMMAND_OK;
    case PRESET:
        arguments->preset = text;
        return COMMAND_OK;
    default:
        break;
    }
    const char **const texts[] = {
        [RULE - RULE] = &arguments->rule,         [PARAMS - RULE] = &arguments->params,
        [GRADS - RULE] = &arguments->grads,       [STATE - RULE] = &arguments->state,
        [OUT - RULE] = &arguments->out,           [STATE_OUT - RULE] = &arguments->state_out,
        [DEVICE - RULE] = &arguments->device,     [EMA_OUT - RULE] = &arguments->ema_out,
        [EVAL_OUT - RULE] = &arguments->eval_out,
    };
    *texts[option - RULE] = text;
    return COMMAND_OK;
}

static int check_arguments(const struct step_arguments *a)
{
    const struct {
        const char *name, *text;
    } due[] = {{"--rule", a->rule},
               {"--params", a->params},
               {"--grads", a->grads},
               {"--out", a->out},
               {"--state-out", a->state_out}};
    for (size_t i = 0; i < sizeof due / sizeof *due; i++)
        if (due[i].text == NULL)
            return command_error(COMMAND_USAGE, "%s is missing; see 'tikhonov step --help'",
                                 due[i].name);
    const int code = step_around_check(a);
    return code == COMMAND_OK ? step_outputs_check(a) : code;
}

static bool make_list(struct text_list *list, int count)
{
    list->items = calloc((size_t)count, sizeof *list->items);
    return list->items != NULL;
}

int step_arguments_read(struct step_arguments *arguments, int argc, char **argv, bool *done)
{
    *arguments = (struct step_arguments){.rule = NULL};
    tik_optimizer_defaults(&arguments->options);
    *done = false;
    tik_schedule_defaults(&arguments->schedule);
    if (!make_list(&arguments->sets, argc) || !make_list(&arguments->penalties, argc) ||
        !make_list(&arguments->no_decay, argc) || !make_list(&arguments->freeze, argc))
        return command_error(COMMAND_FAILED, "no memory for the arguments");
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (option == '?' || option == ':')
            return command_bad_option(option, argv);
        if (option == 'h') {
            fputs(help, stdout);
            fputs(more_help, stdout);
            *done = true;
            return COMMAND_OK;
        }
        const int code = read_option(arguments, option, optarg);
        if (code != COMMAND_OK)
            return code;
    }
    if (optind < argc)
        return command_bad_operand(argv[optind]);
    arguments->options.report = true;
    return check_arguments(arguments);
}

void step_arguments_finish(struct step_arguments *arguments)
{
    free(arguments->sets.items);
    free(arguments->penalties.items);
    free(arguments->no_decay.items);
    free(arguments->freeze.items);
}
