/* Faults of the disk, of the clock and of signals, between a program and the C library (LD_PRELOAD).
 *
 * A control file that every process of a command maps says which calls meet which fault, and counts the calls, so that
 * "the 17th write of the command" is the same call in every round. Calls about paths outside the prefixes, and all
 * calls while nothing is active, reach the C library unchanged.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OPEN_READ, OPEN_WRITE, READ, WRITE, SYNC, RENAME, UNLINK, MKDIR, CLOCK, OPS };
enum { COUNT, FAIL, SHORTEN, SIGNAL_GROUP, SIGNAL_LEADER, SHIFT };
#define PREFIXES 2
#define LONGEST 512
#define HANDLES 4096

/* benchmarks/chaos/shim.py writes the same fields. */
struct control {
    uint32_t ops, action, number, after;
    uint64_t nth, times;
    int64_t shift_s;
    uint64_t matched, fired;
    uint64_t counts[PREFIXES][OPS];
    char prefix[PREFIXES][LONGEST];
};

static struct control *control = NULL;
static signed char inside[HANDLES]; /* 0 unknown, n a path below the n-th prefix, -1 any other */

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__) = NULL; \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

int chaos_load(const char *path) {
    control = NULL;
    memset(inside, 0, sizeof inside);
    if (!path) return 0;
    REAL(int, "open", const char *, int, ...);
    int fd = real(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return -1;
    void *found = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (found == MAP_FAILED) return -1;
    control = found;
    return 0;
}

__attribute__((constructor)) static void begin(void) { chaos_load(getenv("CHAOS_CONTROL")); }

/* The number of the prefix that it lies below, from 1, or 0. */
static int below(const char *path) {
    if (!path) return 0;
    for (int n = 0; n < PREFIXES; n++) {
        size_t length = strnlen(control->prefix[n], LONGEST);
        if (length && !strncmp(path, control->prefix[n], length)) return n + 1;
    }
    return 0;
}

static int path_is_inside(const char *path) {
    if (!control || !path) return 0;
    if (path[0] == '/') return below(path);
    char folder[LONGEST];
    return getcwd(folder, sizeof folder) ? below(folder) : 0;
}

static int handle_is_inside(int fd) {
    if (!control || fd < 0) return 0;
    if (fd < HANDLES && inside[fd]) return inside[fd] > 0 ? inside[fd] : 0;
    char link[64], path[LONGEST];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    int found = below(path);
    if (fd < HANDLES) inside[fd] = found ? found : -1;
    return found;
}

/* Counts a call about a path below the prefix of this number, and says whether the fault is due. */
static int due(int place, int op) {
    __sync_fetch_and_add(&control->counts[place - 1][op], 1);
    if (!(control->ops & (1u << op))) return 0;
    uint64_t number = __sync_add_and_fetch(&control->matched, 1);
    if (number < control->nth || number - control->nth >= control->times) return 0;
    __sync_fetch_and_add(&control->fired, 1);
    return 1;
}

static void send(void) {
    kill(control->action == SIGNAL_GROUP ? 0 : getpgrp(), (int)control->number);
}

static int is_signal(void) { return control->action == SIGNAL_GROUP || control->action == SIGNAL_LEADER; }

/* Around a call that returns -1 on failure. */
#define AROUND(is_inside, op, call) \
    int place = is_inside; \
    if (!place) return call; \
    int hit = due(place, op); \
    if (hit && control->action == FAIL) { errno = (int)control->number; return -1; } \
    if (hit && is_signal() && !control->after) send(); \
    __typeof__(call) result = call; \
    if (hit && is_signal() && control->after) { int kept = errno; send(); errno = kept; } \
    return result

#define WRITES(flags) (((flags) & O_ACCMODE) != O_RDONLY || ((flags) & O_CREAT))

static int opened(int fd) {
    if (fd >= 0 && fd < HANDLES) inside[fd] = 0;
    return fd;
}

#define MODE_OF(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        MODE_OF(flags) \
        REAL(int, #name, const char *, int, ...); \
        AROUND(path_is_inside(path), WRITES(flags) ? OPEN_WRITE : OPEN_READ, opened(real(path, flags, mode))); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        MODE_OF(flags) \
        REAL(int, #name, int, const char *, int, ...); \
        AROUND(path_is_inside(path), WRITES(flags) ? OPEN_WRITE : OPEN_READ, opened(real(folder, path, flags, mode))); \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name) \
    FILE *name(const char *path, const char *how) { \
        REAL(FILE *, #name, const char *, const char *); \
        int place = path_is_inside(path); \
        if (place && due(place, how[0] == 'r' ? OPEN_READ : OPEN_WRITE) && control->action == FAIL) { \
            errno = (int)control->number; \
            return NULL; \
        } \
        FILE *file = real(path, how); \
        if (file) opened(fileno(file)); \
        return file; \
    }
FOPEN(fopen)
FOPEN(fopen64)

int close(int fd) {
    REAL(int, "close", int);
    return real(opened(fd));
}

/* A call that may transfer less than it was asked to. */
#define TRANSFER(op, size, ...) \
    int place = handle_is_inside(fd); \
    if (place) { \
        int hit = due(place, op); \
        if (hit && control->action == FAIL) { errno = (int)control->number; return -1; } \
        if (hit && control->action == SHORTEN && size > 1) size = size / 2; \
        if (hit && is_signal()) send(); \
    } \
    return real(__VA_ARGS__)

ssize_t read(int fd, void *to, size_t size) {
    REAL(ssize_t, "read", int, void *, size_t);
    TRANSFER(READ, size, fd, to, size);
}
ssize_t write(int fd, const void *from, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    TRANSFER(WRITE, size, fd, from, size);
}
#define AT(name, op, pointer) \
    ssize_t name(int fd, pointer data, size_t size, off_t at) { \
        REAL(ssize_t, #name, int, pointer, size_t, off_t); \
        TRANSFER(op, size, fd, data, size, at); \
    }
AT(pread, READ, void *)
AT(pread64, READ, void *)
AT(pwrite, WRITE, const void *)
AT(pwrite64, WRITE, const void *)
ssize_t readv(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, "readv", int, const struct iovec *, int);
    TRANSFER(READ, count, fd, parts, count);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    TRANSFER(WRITE, count, fd, parts, count);
}

int fsync(int fd) {
    REAL(int, "fsync", int);
    AROUND(handle_is_inside(fd), SYNC, real(fd));
}
int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    AROUND(handle_is_inside(fd), SYNC, real(fd));
}
int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    AROUND(path_is_inside(to), RENAME, real(from, to));
}
int renameat(int a, const char *from, int b, const char *to) {
    REAL(int, "renameat", int, const char *, int, const char *);
    AROUND(path_is_inside(to), RENAME, real(a, from, b, to));
}
int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    AROUND(path_is_inside(path), UNLINK, real(path));
}
int unlinkat(int folder, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    int above = handle_is_inside(folder);
    AROUND(above ? above : path_is_inside(path), UNLINK, real(folder, path, flags));
}
int rmdir(const char *path) {
    REAL(int, "rmdir", const char *);
    AROUND(path_is_inside(path), UNLINK, real(path));
}
int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    AROUND(path_is_inside(path), MKDIR, real(path, mode));
}

/* Seconds to add to the time of day. */
static int64_t shift(void) { return control && control->action == SHIFT && due(1, CLOCK) ? control->shift_s : 0; }

int clock_gettime(clockid_t clock, struct timespec *found) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int result = real(clock, found);
    if (!result && clock == CLOCK_REALTIME) found->tv_sec += shift();
    return result;
}
int gettimeofday(struct timeval *found, void *zone) {
    REAL(int, "gettimeofday", struct timeval *, void *);
    int result = real(found, zone);
    if (!result) found->tv_sec += shift();
    return result;
}
time_t time(time_t *to) {
    REAL(time_t, "time", time_t *);
    time_t found = real(NULL) + shift();
    if (to) *to = found;
    return found;
}

/* The kernel's clock is not set back: a deadline by the shifted clock has to be given to it by its own. */
int sem_timedwait(sem_t *semaphore, const struct timespec *end) {
    REAL(int, "sem_timedwait", sem_t *, const struct timespec *);
    struct timespec own = *end;
    if (control && control->action == SHIFT && control->fired) own.tv_sec -= control->shift_s;
    return real(semaphore, &own);
}
