#include "progress.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool running, stop, terminal;
    struct timespec start;
    char words[160];
} line = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static bool wanted(void)
{
    const char *asked = getenv("TIKHONOV_PROGRESS");
    return line.terminal || (asked && strcmp(asked, "1") == 0);
}

/* A terminal's line is written over; elsewhere each is a line of its own, and they get rarer. */
static void show(long seconds)
{
    if (line.terminal)
        fprintf(stderr, "\r\033[K%s ... %ld s", line.words, seconds);
    else
        fprintf(stderr, "%s ... %ld s\n", line.words, seconds);
    fflush(stderr);
}

static void *watch(void *unused)
{
    long seconds = 1;
    (void)unused;
    pthread_mutex_lock(&line.lock);
    while (!line.stop) {
        struct timespec until = line.start;
        until.tv_sec += seconds;
        if (pthread_cond_timedwait(&line.wake, &line.lock, &until) == ETIMEDOUT && !line.stop) {
            show(seconds);
            seconds = line.terminal ? seconds + 1 : seconds * 2;
        }
    }
    if (line.terminal && seconds > 1)
        fputs("\r\033[K", stderr);
    pthread_mutex_unlock(&line.lock);
    return NULL;
}

void progress_start(const char *format, ...)
{
    progress_stop();
    line.terminal = isatty(STDERR_FILENO);
    if (!wanted())
        return;
    va_list values;
    va_start(values, format);
    vsnprintf(line.words, sizeof line.words, format, values);
    va_end(values);
    line.stop = false;
    clock_gettime(CLOCK_REALTIME, &line.start); /* the clock of pthread_cond_timedwait */
    line.running = pthread_create(&line.thread, NULL, watch, NULL) == 0;
}

void progress_note(const char *format, ...)
{
    if (!line.running)
        return;
    va_list values;
    va_start(values, format);
    pthread_mutex_lock(&line.lock);
    vsnprintf(line.words, sizeof line.words, format, values);
    pthread_mutex_unlock(&line.lock);
    va_end(values);
}

void progress_stop(void)
{
    if (!line.running)
        return;
    pthread_mutex_lock(&line.lock);
    line.stop = true;
    pthread_cond_signal(&line.wake);
    pthread_mutex_unlock(&line.lock);
    pthread_join(line.thread, NULL);
    line.running = false;
}
