/* Asks a RADIUS server over loopback, from many source addresses at once, and counts right answers only.
 *
 * What it asks stands on a tape (tests/bench/radius/tape.py): for each record a source, a code, the code of the right
 * answer, and the attributes with User-Password in the clear and Message-Authenticator zeroed. It hides, signs and sends
 * them; nothing is ever sent twice, so a request without an answer is lost. An answer is right when its Response
 * Authenticator, its Message-Authenticator where it has one, and its code are.
 *
 * Closed: every source keeps its share of the outstanding requests in flight. Paced (--rate): requests are due at a
 * fixed rate, and latency counts from when one was due. Prints one line of JSON.
 *
 * One socket serves all sources: each datagram names its source address when it goes and tells it when it comes
 * (IP_PKTINFO), so that what is due goes in one call and what has come is taken in one. The less the load takes of the
 * cores, the more of them is the server's.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tape.h"

enum {
    SEGMENTS = 8,             /* datagrams that the kernel is given as one message */
    BUFFER = 4 << 20,         /* bytes of the socket's, both ways */
    FIRST = 0x7f000101,       /* 127.0.1.1: the first source's address; the others follow */
    TICK = 500 * 1000,        /* ns between two looks at what is due */
    SWEEP = 20 * 1000 * 1000, /* ns between two looks for lost requests */
};

enum outcome { UNSENT, RIGHT, LOST, WRONG };

static struct {
    const char *tape, *results;
    int port;
    unsigned outstanding;
    double seconds, warmup, timeout, rate;
    bool loop;
} option = {.outstanding = 64, .seconds = 3, .warmup = 0.5, .timeout = 3};

static int wire;
static uint8_t *outcomes;

static uint64_t started, measure_from, measure_to; /* ns */
static bool exhausted;
static uint64_t sent, right, wrong, refused, lost, late, unsigned_answers, measured, bytes;
static uint32_t *latencies; /* us */
static size_t latency_room;

static uint64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t random_state[2];

static uint64_t random_64(void) /* xorshift128+; Authenticators must differ, here they need not be secret */
{
    uint64_t a = random_state[0], b = random_state[1];

    random_state[0] = b;
    a ^= a << 23;
    random_state[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
    return random_state[1] + b;
}

/* -- requests ------------------------------------------------------------------------------------------------------ */

static bool has_more(const struct source *source)
{
    return source->next < source->length || option.loop;
}

/* The next request of a source, as being in flight from `since`. */
static size_t take(struct source *source, uint8_t *packet, uint64_t since)
{
    uint32_t number = source->queue[source->next++ % source->length];
    struct exchange *exchange;

    while (source->exchanges[source->identifier].waiting)
        source->identifier++;
    exchange = &source->exchanges[source->identifier];
    uint64_t random[2] = {random_64(), random_64()};
    memcpy(packet + 4, random, MD5_SIZE);
    size_t length = build(&source->key, packet, &records[number].request, source->identifier);
    *exchange = (struct exchange){.waiting = true, .record = number, .since = since};
    memcpy(exchange->authenticator, packet + 4, MD5_SIZE);
    source->identifier++;
    source->waiting++;
    if (outcomes)
        outcomes[number] = LOST; /* until it is answered */
    return length;
}

union address {
    char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
    struct cmsghdr aligned;
};

/* Requests that wait to be sent together. */
static struct {
    unsigned count;
    const struct source *owners[BATCH];
    struct iovec parts[BATCH];
    uint8_t packets[BATCH][LONGEST];
    struct mmsghdr messages[BATCH];
    struct {
        union address address;
        char segment[CMSG_SPACE(sizeof(uint16_t))];
    } controls[BATCH];
} requests;

static struct sockaddr_in server;

/* The requests from `first` on of one source and one length as a message, which the kernel makes datagrams of (udp(7),
 * UDP_SEGMENT); how many they are. */
static unsigned lay_out_request(struct mmsghdr *message, unsigned first)
{
    unsigned count = 1;
    const struct source *owner = requests.owners[first];
    size_t length = requests.parts[first].iov_len, room = sizeof requests.controls[first].address;

    while (count < SEGMENTS && first + count < requests.count && requests.owners[first + count] == owner &&
           requests.parts[first + count].iov_len == length)
        count++;
    message->msg_hdr = (struct msghdr){
        .msg_name = &server,
        .msg_namelen = sizeof server,
        .msg_iov = &requests.parts[first],
        .msg_iovlen = count,
        .msg_control = &requests.controls[first],
        .msg_controllen = count > 1 ? sizeof requests.controls[first] : room,
    };
    struct cmsghdr *control = CMSG_FIRSTHDR(&message->msg_hdr);
    *control = (struct cmsghdr){CMSG_LEN(sizeof(struct in_pktinfo)), IPPROTO_IP, IP_PKTINFO};
    struct in_pktinfo from = {.ipi_spec_dst.s_addr = htonl((uint32_t)(FIRST + (owner - sources)))};
    memcpy(CMSG_DATA(control), &from, sizeof from);
    if (count > 1) {
        control = CMSG_NXTHDR(&message->msg_hdr, control);
        *control = (struct cmsghdr){CMSG_LEN(sizeof(uint16_t)), SOL_UDP, UDP_SEGMENT};
        memcpy(CMSG_DATA(control), &(uint16_t){(uint16_t)length}, sizeof(uint16_t));
    }
    return count;
}

static void send_requests(void)
{
    unsigned messages = 0;

    for (unsigned first = 0; first < requests.count; messages++)
        first += lay_out_request(&requests.messages[messages], first);
    for (unsigned done = 0; done < messages;) {
        int n = sendmmsg(wire, requests.messages + done, messages - done, 0);
        if (n < 0)
            fail("sendmmsg");
        done += (unsigned)n;
    }
    sent += requests.count;
    requests.count = 0;
}

/* The next request of a source, to be sent with others. */
static void gather(struct source *source, uint64_t since)
{
    unsigned i = requests.count++;

    requests.owners[i] = source;
    requests.parts[i] = (struct iovec){requests.packets[i], take(source, requests.packets[i], since)};
    if (requests.count == BATCH)
        send_requests();
}

static void fill(struct source *source, uint64_t now)
{
    unsigned share = option.outstanding / source_count;

    while (source->waiting < share && has_more(source))
        gather(source, now);
    if (!has_more(source))
        exhausted = true;
}

/* -- answers ------------------------------------------------------------------------------------------------------- */

static struct {
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    uint8_t packets[BATCH][LONGEST];
    union address controls[BATCH];
} answers;

static void keep_latency(uint64_t ns)
{
    if (measured == latency_room) {
        latency_room = latency_room ? 2 * latency_room : 1 << 20;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
        if (!latencies)
            fail("memory");
    }
    latencies[measured++] = (uint32_t)(ns / 1000);
}

/* The exchange that a datagram belongs to; NULL where it is no answer to anything. */
static struct exchange *exchange_of(struct source *source, const uint8_t *packet, size_t length)
{
    if (length < HEADER || (size_t)(packet[2] << 8 | packet[3]) != length) {
        wrong++;
        return NULL;
    }
    struct exchange *exchange = &source->exchanges[packet[1]];
    if (!exchange->waiting)
        late++; /* it was counted as lost */
    return exchange->waiting ? exchange : NULL;
}

static void count(struct source *source, const struct answer *answer, uint64_t now)
{
    struct exchange *exchange = exchange_of(source, answer->packet, answer->length);

    if (!exchange)
        return; /* its like came right before it */
    if (answer->verdict == FORGED) {
        wrong++; /* anybody could have sent it; the right one may still come */
        return;
    }
    bool expected = answer->packet[0] == records[exchange->record].answer;
    unsigned_answers += answer->verdict == UNSIGNED;
    exchange->waiting = false;
    source->waiting--;
    refused += !expected;
    right += expected;
    bytes += expected ? answer->length : 0;
    if (outcomes)
        outcomes[exchange->record] = expected ? RIGHT : WRONG;
    if (expected && now >= measure_from && now < measure_to)
        keep_latency(now - exchange->since);
}

/* Whom a datagram is for; NULL: nobody. */
static struct source *source_of(unsigned i)
{
    const struct in_pktinfo *to = (void *)CMSG_DATA(&answers.controls[i].aligned);
    uint32_t number = ntohl(to->ipi_addr.s_addr) - FIRST;

    wrong += number >= source_count;
    return number < source_count ? &sources[number] : NULL;
}

static int take_what_has_come(void)
{
    for (unsigned i = 0; i < BATCH; i++) {
        answers.parts[i] = (struct iovec){answers.packets[i], LONGEST};
        answers.messages[i].msg_hdr = (struct msghdr){
            .msg_iov = &answers.parts[i],
            .msg_iovlen = 1,
            .msg_control = &answers.controls[i],
            .msg_controllen = sizeof answers.controls[i],
        };
    }
    int n = recvmmsg(wire, answers.messages, BATCH, MSG_DONTWAIT, NULL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        fail("recvmmsg");
    return n;
}

/* Counts what has come, and asks anew in the place of what is answered. */
static void receive(bool refill)
{
    static struct answer judged[BATCH];
    struct source *owners[BATCH];
    unsigned found = 0;
    int n = take_what_has_come();
    uint64_t now = now_ns();

    for (int i = 0; i < n; i++) {
        struct source *source = source_of((unsigned)i);
        const uint8_t *packet = answers.packets[i];
        size_t length = answers.messages[i].msg_len;
        const struct exchange *exchange = source ? exchange_of(source, packet, length) : NULL;
        if (!exchange)
            continue;
        owners[found] = source;
        judged[found].key = &source->key;
        judged[found].packet = packet;
        judged[found].length = length;
        judged[found++].authenticator = exchange->authenticator;
    }
    judge(judged, found);
    for (unsigned i = 0; i < found; i++)
        count(owners[i], &judged[i], now);
    for (unsigned i = 0; i < found && refill; i++)
        fill(owners[i], now);
}

static void sweep(uint64_t now)
{
    uint64_t timeout = (uint64_t)(option.timeout * 1e9);

    for (uint32_t s = 0; s < source_count; s++)
        for (unsigned i = 0; i < IDENTIFIERS && sources[s].waiting; i++) {
            struct exchange *exchange = &sources[s].exchanges[i];
            if (exchange->waiting && now > exchange->since + timeout) {
                exchange->waiting = false;
                sources[s].waiting--;
                lost++;
            }
        }
}

/* -- the run ------------------------------------------------------------------------------------------------------- */

static void pace(uint64_t now)
{
    static uint64_t passed; /* requests whose time has come and that were sent */
    static uint32_t turn;
    double interval = 1e9 / option.rate;
    unsigned full = 0;

    while (!exhausted && full < source_count) {
        uint64_t due = started + (uint64_t)((double)passed * interval);
        if (due > now)
            return;
        struct source *source = &sources[turn++ % source_count];
        if (!has_more(source))
            exhausted = true;
        else if (source->waiting >= IDENTIFIERS - 1)
            full++; /* its turn comes again; what is due stays due */
        else {
            gather(source, due);
            passed++;
            full = 0;
        }
    }
}

static bool anything_waiting(void)
{
    for (uint32_t s = 0; s < source_count; s++)
        if (sources[s].waiting)
            return true;
    return false;
}

static void run(void)
{
    const struct timespec rest = {0, option.rate ? TICK : SWEEP};
    uint64_t swept = 0, now;

    started = now_ns();
    measure_from = started + (uint64_t)(option.warmup * 1e9);
    measure_to = measure_from + (uint64_t)(option.seconds * 1e9);
    for (uint32_t s = 0; s < source_count && !option.rate; s++)
        fill(&sources[s], started);
    for (;;) {
        send_requests();
        ppoll(&(struct pollfd){wire, POLLIN, 0}, 1, &rest, NULL);
        now = now_ns();
        if (exhausted && now < measure_to)
            measure_to = now; /* a source has run dry: from here on the load would be less */
        bool sending = now < measure_to;
        receive(sending && !option.rate);
        if (sending && option.rate)
            pace(now);
        if (now > swept + SWEEP) {
            sweep(now);
            swept = now;
            for (uint32_t s = 0; s < source_count && sending && !option.rate; s++)
                fill(&sources[s], now); /* in the place of lost ones */
        }
        if (!sending && !anything_waiting())
            return;
    }
}

/* -- socket, options, report -------------------------------------------------------------------------------------- */

static void open_wire(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET};
    int yes = 1, buffer = BUFFER;

    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)option.port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    wire = socket(AF_INET, SOCK_DGRAM, 0);
    if (wire < 0 || bind(wire, (struct sockaddr *)&here, sizeof here) < 0 ||
        setsockopt(wire, IPPROTO_IP, IP_PKTINFO, &yes, sizeof yes) < 0 ||
        setsockopt(wire, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer) < 0 ||
        setsockopt(wire, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer) < 0)
        fail("socket");
}

static int by_value(const void *a, const void *b)
{
    uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;

    return (p > q) - (p < q);
}

static double quantile(double part) /* ms */
{
    return measured ? latencies[(size_t)(part * (double)(measured - 1))] / 1e3 : 0;
}

static void report(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    double window = measure_to > measure_from ? (double)(measure_to - measure_from) / 1e9 : 0;
    qsort(latencies, measured, sizeof *latencies, by_value);
    printf("{\"sent\": %lu, \"right\": %lu, \"refused\": %lu, \"wrong\": %lu, \"lost\": %lu, \"late\": %lu, "
           "\"without_message_authenticator\": %lu, \"exhausted\": %s, \"seconds\": %.3f, \"per_second\": %.1f, "
           "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"worst_ms\": %.3f, \"answer_bytes\": %.1f, \"generator_cpu\": %.3f, \"elapsed\": %.3f}\n",
           sent, right, refused, wrong, lost, late, unsigned_answers, exhausted ? "true" : "false", window,
           window > 0 ? (double)measured / window : 0, quantile(.5), quantile(.99), quantile(1), right ? (double)bytes / (double)right : 0, cpu,
           (double)(now_ns() - started) / 1e9);
    if (option.results) {
        FILE *file = fopen(option.results, "wb");
        if (!file || fwrite(outcomes, 1, record_count, file) != record_count || fclose(file) != 0)
            fail(option.results);
    }
}

int main(int count, char **arguments)
{
    static const struct option names[] = {
        {"tape", 1, NULL, 't'},   {"port", 1, NULL, 'p'},    {"outstanding", 1, NULL, 'w'}, {"seconds", 1, NULL, 's'},
        {"warmup", 1, NULL, 'u'}, {"timeout", 1, NULL, 'o'}, {"rate", 1, NULL, 'r'},        {"loop", 0, NULL, 'l'},
        {"results", 1, NULL, 'f'}, {0}};
    int name;

    while ((name = getopt_long(count, arguments, "", names, NULL)) != -1)
        switch (name) {
        case 't': option.tape = optarg; break;
        case 'p': option.port = atoi(optarg); break;
        case 'w': option.outstanding = (unsigned)atoi(optarg); break;
        case 's': option.seconds = atof(optarg); break;
        case 'u': option.warmup = atof(optarg); break;
        case 'o': option.timeout = atof(optarg); break;
        case 'r': option.rate = atof(optarg); break;
        case 'l': option.loop = true; break;
        case 'f': option.results = optarg; break;
        default: return 2;
        }
    if (!option.tape || !option.port) {
        fputs("usage: load --tape FILE --port N [--outstanding W] [--seconds S] [--warmup S] [--timeout S] [--rate R]"
              " [--loop] [--results FILE]\n", stderr);
        return 2;
    }
    if (getrandom(random_state, sizeof random_state, 0) != sizeof random_state)
        fail("getrandom");
    read_tape(option.tape);
    if (option.results)
        outcomes = calloc(record_count, 1);
    if (option.outstanding < source_count || option.outstanding / source_count >= IDENTIFIERS)
        fail("--outstanding must be 1 to 255 for each source");
    open_wire();
    run();
    report();
    return 0;
}
