#include "table.h"

#include <string.h>

#define RULE(name) extern const struct tik_rule_row tik_rule_##name;
#include "rules.def"
#undef RULE

static const struct tik_rule_row *const rows[] = {
#define RULE(name) &tik_rule_##name,
#include "rules.def"
#undef RULE
};

static const size_t row_count = sizeof rows / sizeof *rows;

const struct tik_rule_row *tik_rule_row_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < row_count; i++)
        if (strcmp(rows[i]->info.name, name) == 0)
            return rows[i];
    return NULL;
}

const struct tik_rule_info *tik_rule_at(size_t index)
{
    return index < row_count ? &rows[index]->info : NULL;
}

const struct tik_rule_info *tik_rule_find(const char *name)
{
    const struct tik_rule_row *row = tik_rule_row_find(name);
    return row != NULL ? &row->info : NULL;
}
