/* RADIUS on the wire: requests made, answers judged (RFC 2865 sections 3 and 5.2, RFC 2866 section 3, RFC 2869 section
 * 5.14). */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>

#include "../../../radius/wire/md5.h"

enum {
    BATCH = 64, /* datagrams at once */
    HEADER = 20,
    LONGEST = 4096,
    ACCESS_REQUEST = 1,
    USER_PASSWORD = 2,
    MESSAGE_AUTHENTICATOR = 80,
};

struct key {
    uint8_t secret[MD5_BLOCK];
    size_t length;
    struct hmac_md5 signer;
};

struct request {
    uint8_t code;
    uint16_t length;           /* of the attributes */
    const uint8_t *attributes; /* User-Password in the clear, Message-Authenticator zeroed */
};

enum verdict { FORGED, UNSIGNED, SIGNED }; /* without and with a Message-Authenticator */

/* The secret must not be longer than it has room for. */
static void take_key(struct key *key, const uint8_t *secret, size_t length)
{
    memcpy(key->secret, secret, length);
    key->length = length;
    hmac_md5_key(&key->signer, secret, length);
}

/* MD5 of a packet with another Authenticator, followed by the secret. */
static void with_secret(const struct key *key, const uint8_t *packet, size_t length, const uint8_t *authenticator,
                        uint8_t digest[MD5_SIZE])
{
    struct md5 md5;

    md5_begin(&md5);
    md5_add(&md5, packet, 4);
    md5_add(&md5, authenticator, MD5_SIZE);
    md5_add(&md5, packet + HEADER, length - HEADER);
    md5_add(&md5, key->secret, key->length);
    md5_end(&md5, digest);
}

/* What a Message-Authenticator must be that stands at `at`, where the packet has another Authenticator. */
static void signature_of(const struct key *key, const uint8_t *packet, size_t length, const uint8_t *authenticator,
                         const uint8_t *at, uint8_t digest[MD5_SIZE])
{
    static const uint8_t zeroes[MD5_SIZE];
    struct md5 md5 = key->signer.inner;

    md5_add(&md5, packet, 4);
    md5_add(&md5, authenticator, MD5_SIZE);
    md5_add(&md5, packet + HEADER, (size_t)(at - packet) - HEADER);
    md5_add(&md5, zeroes, MD5_SIZE);
    md5_add(&md5, at + MD5_SIZE, (size_t)(packet + length - at) - MD5_SIZE);
    hmac_md5_end(&key->signer, &md5, digest);
}

static void hide_password(const struct key *key, uint8_t *value, size_t length, const uint8_t *authenticator)
{
    uint8_t pad[MD5_SIZE];
    struct md5 begun, md5;

    md5_begin(&begun);
    md5_add(&begun, key->secret, key->length);
    for (size_t at = 0; at < length; at += MD5_SIZE) {
        md5 = begun;
        md5_add(&md5, at ? value + at - MD5_SIZE : authenticator, MD5_SIZE);
        md5_end(&md5, pad);
        for (size_t i = 0; i < MD5_SIZE; i++)
            value[at + i] ^= pad[i];
    }
}

/* Writes a request, its length returned. The caller has put the Authenticator of an Access-Request into the header;
 * that of any other is computed. */
static size_t build(const struct key *key, uint8_t *packet, const struct request *request, uint8_t identifier)
{
    size_t length = HEADER + request->length;
    uint8_t *signature = NULL, *authenticator = packet + 4;
    uint8_t digest[MD5_SIZE];

    packet[0] = request->code;
    packet[1] = identifier;
    packet[2] = (uint8_t)(length >> 8);
    packet[3] = (uint8_t)length;
    if (request->code != ACCESS_REQUEST)
        memset(authenticator, 0, MD5_SIZE);
    memcpy(packet + HEADER, request->attributes, request->length);
    for (uint8_t *at = packet + HEADER; at < packet + length; at += at[1]) {
        if (at[0] == USER_PASSWORD)
            hide_password(key, at + 2, at[1] - 2u, authenticator);
        else if (at[0] == MESSAGE_AUTHENTICATOR)
            signature = at + 2;
    }
    if (signature) {
        signature_of(key, packet, length, authenticator, signature, digest);
        memcpy(signature, digest, MD5_SIZE);
    }
    if (request->code != ACCESS_REQUEST) {
        with_secret(key, packet, length, authenticator, digest);
        memcpy(authenticator, digest, MD5_SIZE);
    }
    return length;
}

/* -- answers, many at once ----------------------------------------------------------------------------------------- */

enum { LANES = 8 };

typedef uint32_t lanes __attribute__((vector_size(4 * LANES))); /* a word of each message */

/* A message as MD5 takes it in, whole blocks. */
struct text {
    uint32_t word[4]; /* in the end the digest */
    uint64_t length;
    size_t used;
    uint8_t bytes[LONGEST + 3 * MD5_BLOCK];
};

static void text_begin(struct text *text, const struct md5 *begun) /* of whole blocks */
{
    memcpy(text->word, begun->word, sizeof text->word);
    text->length = begun->length;
    text->used = 0;
}

static void text_add(struct text *text, const void *part, size_t length)
{
    memcpy(text->bytes + text->used, part, length);
    text->used += length;
}

static void text_end(struct text *text)
{
    uint64_t bits = (text->length + text->used) * 8;
    uint32_t length[2] = {(uint32_t)bits, (uint32_t)(bits >> 32)};
    size_t whole = (text->used + 1 + sizeof length + MD5_BLOCK - 1) / MD5_BLOCK * MD5_BLOCK;

    memset(text->bytes + text->used, 0, whole - text->used);
    text->bytes[text->used] = 0x80;
    md5_words(text->bytes + whole - sizeof length, length, 2);
    text->used = whole;
}

/* The digests of up to LANES texts. Where one has ended its lane goes on with anything, for the others. */
static void md5_lanes(struct text *const *texts, unsigned count)
{
    uint32_t columns[16][LANES];
    lanes word[4], x[16];
    size_t longest = 0;

    for (unsigned lane = 0; lane < LANES; lane++) {
        const struct text *text = texts[lane < count ? lane : 0];
        for (unsigned i = 0; i < 4; i++)
            columns[i][lane] = text->word[i];
        longest = text->used > longest ? text->used : longest;
    }
    memcpy(word, columns, sizeof word);
    for (size_t at = 0; at < longest; at += MD5_BLOCK) {
        for (unsigned lane = 0; lane < LANES; lane++) {
            uint32_t block[16];
            md5_words(block, texts[lane < count ? lane : 0]->bytes + at, 16);
            for (unsigned i = 0; i < 16; i++)
                columns[i][lane] = block[i];
        }
        memcpy(x, columns, sizeof x);
        lanes a = word[0], b = word[1], c = word[2], d = word[3];
        MD5_ROUNDS;
        word[0] += a;
        word[1] += b;
        word[2] += c;
        word[3] += d;
        for (unsigned lane = 0; lane < count; lane++)
            if (at + MD5_BLOCK == texts[lane]->used)
                for (unsigned i = 0; i < 4; i++)
                    texts[lane]->word[i] = word[i][lane];
    }
}

static void md5_texts(struct text *const *texts, unsigned count)
{
    for (unsigned done = 0; done < count; done += LANES)
        md5_lanes(texts + done, count - done < LANES ? count - done : LANES);
}

/* An answer, and the request's Authenticator, to be judged. */
struct answer {
    const struct key *key;
    const uint8_t *packet, *authenticator, *signature;
    size_t length;
    enum verdict verdict;
    struct text response, inner, outer;
};

/* False where the attributes are none. */
static bool find_signature(struct answer *answer)
{
    const uint8_t *end = answer->packet + answer->length;

    answer->signature = NULL;
    for (const uint8_t *at = answer->packet + HEADER; at < end; at += at[1]) {
        if (at + 2 > end || at[1] < 2 || at + at[1] > end)
            return false;
        if (at[0] == MESSAGE_AUTHENTICATOR) {
            if (answer->signature || at[1] != 2 + MD5_SIZE)
                return false;
            answer->signature = at + 2;
        }
    }
    return true;
}

/* Its packet with the request's Authenticator. */
static void lay_out_text(const struct answer *answer, struct text *text, const struct md5 *begun)
{
    text_begin(text, begun);
    text_add(text, answer->packet, 4);
    text_add(text, answer->authenticator, MD5_SIZE);
    text_add(text, answer->packet + HEADER, answer->length - HEADER);
}

static bool is_digest(const struct text *text, const uint8_t *claimed)
{
    uint8_t digest[MD5_SIZE];

    md5_words(digest, text->word, 4);
    return memcmp(digest, claimed, MD5_SIZE) == 0;
}

/* Who can have sent each of up to BATCH answers: their verdicts. */
static void judge(struct answer *answers, unsigned count)
{
    struct text *texts[2 * BATCH];
    unsigned laid_out = 0;
    struct md5 fresh;

    md5_begin(&fresh);
    for (struct answer *answer = answers; answer < answers + count; answer++) {
        answer->verdict = find_signature(answer) ? UNSIGNED : FORGED;
        lay_out_text(answer, &answer->response, &fresh);
        text_add(&answer->response, answer->key->secret, answer->key->length);
        text_end(texts[laid_out++] = &answer->response);
        if (answer->signature) {
            lay_out_text(answer, &answer->inner, &answer->key->signer.inner);
            memset(answer->inner.bytes + (answer->signature - answer->packet), 0, MD5_SIZE);
            text_end(texts[laid_out++] = &answer->inner);
        }
    }
    md5_texts(texts, laid_out);
    laid_out = 0;
    for (struct answer *answer = answers; answer < answers + count; answer++) {
        if (!is_digest(&answer->response, answer->packet + 4))
            answer->verdict = FORGED;
        if (answer->signature) {
            uint8_t digest[MD5_SIZE];
            md5_words(digest, answer->inner.word, 4);
            text_begin(&answer->outer, &answer->key->signer.outer);
            text_add(&answer->outer, digest, MD5_SIZE);
            text_end(texts[laid_out++] = &answer->outer);
        }
    }
    md5_texts(texts, laid_out);
    for (struct answer *answer = answers; answer < answers + count; answer++)
        if (answer->signature && answer->verdict != FORGED)
            answer->verdict = is_digest(&answer->outer, answer->signature) ? SIGNED : FORGED;
}

#endif
