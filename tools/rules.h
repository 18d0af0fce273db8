/* The parts of tikhonov rules. */
#ifndef TIK_TOOLS_RULES_H
#define TIK_TOOLS_RULES_H

#include <stdbool.h>

/* What a step of "sgd:momentum=0.9" costs with the items of --policy (NULL: none). An exit code. */
int rules_policy_print(const char *rule, const char *items, bool json);

#endif
