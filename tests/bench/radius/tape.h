/* The tape (tests/bench/radius/tape.py), and what is known of each of its sources and records. */
#ifndef TAPE_H
#define TAPE_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "wire.h"

enum { IDENTIFIERS = 256 };

struct exchange {
    bool waiting;
    uint32_t record;
    uint64_t since; /* ns */
    uint8_t authenticator[MD5_SIZE];
};

struct source {
    struct key key;
    uint32_t *queue; /* its records, in order */
    uint32_t length, next;
    unsigned waiting;
    uint8_t identifier;
    struct exchange exchanges[IDENTIFIERS];
};

struct record {
    uint8_t answer; /* the code of the right one */
    struct request request;
};

static struct source *sources;
static struct record *records;
static uint32_t source_count, record_count;

static void fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint32_t number(const uint8_t *at, unsigned bytes) /* little-endian */
{
    uint32_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)at[i] << (8 * i);
    return value;
}

/* "RTAPE1", sources (2), records (4), length of a secret (2), a secret for each source; then for each record source (2),
 * code (1), right answer (1), length (2), attributes. */
static void read_tape(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY);

    if (file < 0 || fstat(file, &status) < 0)
        fail(path);
    const uint8_t *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (at == MAP_FAILED || memcmp(at, "RTAPE1", 6) != 0)
        fail(path);
    source_count = number(at + 6, 2);
    record_count = number(at + 8, 4);
    size_t secret_length = number(at + 12, 2);
    if (!source_count || source_count > 200 || secret_length > MD5_BLOCK)
        fail("sources or secret of the tape");
    sources = calloc(source_count, sizeof *sources);
    at += 14;
    for (uint32_t s = 0; s < source_count; s++, at += secret_length)
        take_key(&sources[s].key, at, secret_length);
    records = calloc(record_count, sizeof *records);
    uint16_t *owner = calloc(record_count, sizeof *owner);
    for (uint32_t r = 0; r < record_count; r++) {
        owner[r] = (uint16_t)number(at, 2);
        records[r] = (struct record){at[3], {at[2], (uint16_t)number(at + 4, 2), at + 6}};
        sources[owner[r]].length++;
        at += 6 + records[r].request.length;
    }
    for (uint32_t s = 0; s < source_count; s++) {
        sources[s].queue = calloc(sources[s].length + 1, sizeof *sources[s].queue);
        sources[s].length = 0;
    }
    for (uint32_t r = 0; r < record_count; r++)
        sources[owner[r]].queue[sources[owner[r]].length++] = r;
    for (uint32_t s = 0; s < source_count; s++)
        if (!sources[s].length)
            fail("a source without records");
    free(owner);
}

#endif
