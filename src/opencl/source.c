#include "source.h"

#include "../error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file that went into the text. */
struct taken {
    struct taken *next;
    bool open; /* its lines are still being read */
    char name[];
};

/* The text of a program while it grows. */
struct flattening {
    const char *folder;
    struct taken *files;
    char *text;
    size_t length, room;
};

/* The line that includes a file; its `file` is NULL for a root. */
struct place {
    const char *file;
    size_t line;
};

static enum tik_status append(struct flattening *flat, const char *bytes, size_t count)
{
    if (count >= flat->room - flat->length) { /* one byte is kept for the zero */
        const size_t room = 2 * (flat->length + count) + 4096;
        char *text = realloc(flat->text, room);
        if (!text)
            return tik_error_memory("kernel sources", room);
        flat->text = text;
        flat->room = room;
    }
    memcpy(flat->text + flat->length, bytes, count);
    flat->length += count;
    flat->text[flat->length] = '\0';
    return TIK_OK;
}

/* Reads a whole file into what the caller frees. An errno, or 0. */
static int read_file(const char *path, char **text, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return errno;
    size_t room = 0, got = 0;
    int failed = 0;
    *text = NULL;
    do {
        if (got == room) {
            char *grown = realloc(*text, room = 2 * room + 4096);
            if (!grown) {
                failed = ENOMEM;
                break;
            }
            *text = grown;
        }
        got += fread(*text + got, 1, room - got, file);
        if (ferror(file))
            failed = errno ? errno : EIO;
    } while (!failed && !feof(file));
    fclose(file);
    *length = got;
    return failed;
}

static enum tik_status file_error(const struct flattening *flat, const char *name,
                                  const struct place *from, int error)
{
    char words[256], place[512] = "";
    if (strerror_r(error, words, sizeof words) != 0)
        snprintf(words, sizeof words, "error %d", error);
    if (from->file)
        snprintf(place, sizeof place, ", included by \"%s\" line %zu", from->file, from->line);
    return tik_error_set(TIK_ERROR_FILE, "kernel source \"%s\" in folder \"%s\"%s: %s", name,
                         flat->folder, place, words);
}

static size_t skip_blanks(const char *line, size_t length, size_t at)
{
    while (at < length && (line[at] == ' ' || line[at] == '\t'))
        at++;
    return at;
}

/* Whether a line is an include of whatever form. */
static bool is_include(const char *line, size_t length)
{
    static const char word[] = "include";
    const size_t size = sizeof word - 1;
    size_t at = skip_blanks(line, length, 0);
    if (at == length || line[at] != '#')
        return false;
    at = skip_blanks(line, length, at + 1);
    if (length - at < size || memcmp(line + at, word, size) != 0)
        return false;
    if (length - at == size)
        return true;
    const char next = line[at + size];
    return !(next == '_' || (next >= '0' && next <= '9') || (next >= 'a' && next <= 'z') ||
             (next >= 'A' && next <= 'Z'));
}

/* Where the name in #include "NAME" begins, and its length; NULL for any other form. */
static const char *included_name(const char *line, size_t length, size_t *name_length)
{
    static const char start[] = "#include \"";
    const size_t size = sizeof start - 1;
    if (length < size || memcmp(line, start, size) != 0)
        return NULL;
    const char *name = line + size;
    const char *quote = memchr(name, '"', length - size);
    if (!quote || quote == name)
        return NULL;
    for (const char *rest = quote + 1; rest < line + length; rest++)
        if (*rest != ' ' && *rest != '\t' && *rest != '\r')
            return NULL;
    *name_length = (size_t)(quote - name);
    return name;
}

static enum tik_status take_file(struct flattening *flat, const char *name, size_t name_length,
                                 const struct place *from);

static enum tik_status take_lines(struct flattening *flat, const char *file, const char *text,
                                  size_t length)
{
    enum tik_status status = TIK_OK;
    struct place here = {.file = file, .line = 1};
    for (size_t at = 0; at < length && status == TIK_OK; here.line++) {
        const char *line = text + at;
        const char *end = memchr(line, '\n', length - at);
        const size_t line_length = end ? (size_t)(end - line) : length - at;
        at += line_length + (end ? 1 : 0);
        if (!is_include(line, line_length)) {
            status = append(flat, line, line_length);
            if (status == TIK_OK)
                status = append(flat, "\n", 1);
            continue;
        }
        size_t name_length;
        const char *name = included_name(line, line_length, &name_length);
        if (!name)
            return tik_error_set(TIK_ERROR_FORMAT,
                                 "kernel source \"%s\" line %zu in folder \"%s\": an include must "
                                 "read #include \"NAME\", at the start of the line",
                                 file, here.line, flat->folder);
        status = take_file(flat, name, name_length, &here);
    }
    return status;
}

static enum tik_status take_new_file(struct flattening *flat, const char *name,
                                     const struct place *from)
{
    const size_t size = strlen(flat->folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (!path)
        return tik_error_memory("the path of a kernel source", size);
    snprintf(path, size, "%s/%s", flat->folder, name);
    char *text = NULL;
    size_t length = 0;
    const int error = read_file(path, &text, &length);
    const enum tik_status status = error == 0        ? take_lines(flat, name, text, length)
                                   : error == ENOMEM ? tik_error_memory("a kernel source", length)
                                                     : file_error(flat, name, from, error);
    free(text);
    free(path);
    return status;
}

/* Appends a file's text, its includes in their places, unless it was taken before. */
static enum tik_status take_file(struct flattening *flat, const char *name, size_t name_length,
                                 const struct place *from)
{
    for (struct taken *file = flat->files; file; file = file->next) {
        if (strlen(file->name) != name_length || memcmp(file->name, name, name_length) != 0)
            continue;
        if (!file->open)
            return TIK_OK;
        return tik_error_set(TIK_ERROR_FORMAT,
                             "include cycle in folder \"%s\": \"%s\" line %zu includes \"%s\", "
                             "in whose own includes \"%s\" is",
                             flat->folder, from->file, from->line, file->name, from->file);
    }
    struct taken *file = malloc(sizeof *file + name_length + 1);
    if (!file)
        return tik_error_memory("the name of a kernel source", name_length);
    memcpy(file->name, name, name_length);
    file->name[name_length] = '\0';
    file->next = flat->files;
    flat->files = file;

    file->open = true;
    const enum tik_status status = take_new_file(flat, file->name, from);
    file->open = false;
    return status;
}

static enum tik_status flatten(struct flattening *flat, const char *const *roots)
{
    enum tik_status status = append(flat, "", 0);
    for (; *roots && status == TIK_OK; roots++)
        status = take_file(flat, *roots, strlen(*roots), &(struct place){0});
    while (flat->files) {
        struct taken *next = flat->files->next;
        free(flat->files);
        flat->files = next;
    }
    return status;
}

static const struct tik_embedded *find_embedded(const char *name)
{
    for (size_t i = 0; i < tik_embedded_count; i++)
        if (strcmp(tik_embedded[i].name, name) == 0)
            return &tik_embedded[i];
    return NULL;
}

static enum tik_status unknown_program(const char *name)
{
    char names[512] = "";
    size_t length = 0;
    for (size_t i = 0; i < tik_embedded_count && length < sizeof names; i++)
        length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", i ? ", " : "",
                                   tik_embedded[i].name);
    return tik_error_set(TIK_ERROR_ARGUMENT, "there is no program \"%s\": there are %s", name,
                         names);
}

enum tik_status tik_source_load(const char *folder, const char *name, struct tik_source *source)
{
    *source = (struct tik_source){0};
    const struct tik_embedded *program = find_embedded(name);
    if (!program)
        return unknown_program(name);
    struct flattening flat = {.folder = folder};
    const enum tik_status status =
        folder ? flatten(&flat, program->roots)
               : append(&flat, (const char *)program->text, program->length);
    if (status != TIK_OK) {
        free(flat.text);
        return status;
    }
    *source = (struct tik_source){
        .text = flat.text,
        .length = flat.length,
        .hash = tik_hash(flat.text, flat.length, TIK_HASH_SEED),
    };
    return TIK_OK;
}

void tik_source_free(struct tik_source *source)
{
    free(source->text);
    *source = (struct tik_source){0};
}
