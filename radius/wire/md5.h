/* MD5 (RFC 1321) and HMAC-MD5 (RFC 2104) with the key's part computed once. For RADIUS's short packets: no set-up, no
 * allocation. */
#ifndef MD5_H
#define MD5_H

#include <stdint.h>
#include <string.h>

enum { MD5_SIZE = 16, MD5_BLOCK = 64 };

/* A message that is not yet complete. Copy it to go on from here twice. */
struct md5 {
    uint32_t word[4];
    uint64_t length;
    uint8_t rest[MD5_BLOCK]; /* the last length % MD5_BLOCK bytes */
};

struct hmac_md5 {
    struct md5 inner, outer;
};

#define MD5_STEP(mix, a, b, c, d, x, constant, shift)                                                                  \
    a += (mix) + (x) + (constant);                                                                                     \
    a = ((a << (shift)) | (a >> (32 - (shift)))) + b

#define MD5_FOUR(MIX, k0, k1, k2, k3, t0, t1, t2, t3, s0, s1, s2, s3)                                                  \
    MD5_STEP(MIX(b, c, d), a, b, c, d, x[k0], t0, s0);                                                                 \
    MD5_STEP(MIX(a, b, c), d, a, b, c, x[k1], t1, s1);                                                                 \
    MD5_STEP(MIX(d, a, b), c, d, a, b, x[k2], t2, s2);                                                                 \
    MD5_STEP(MIX(c, d, a), b, c, d, a, x[k3], t3, s3)

#define MD5_F(p, q, r) (((q) ^ (r)) & (p)) ^ (r)
#define MD5_G(p, q, r) ((q) & ~(r)) + ((p) & (r))
#define MD5_H_(p, q, r) (p) ^ (q) ^ (r)
#define MD5_I(p, q, r) (q) ^ ((p) | ~(r))

/* What a block x[16] does to a, b, c and d. */
#define MD5_ROUNDS                                                                                                     \
    MD5_FOUR(MD5_F, 0, 1, 2, 3, 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 7, 12, 17, 22);                        \
    MD5_FOUR(MD5_F, 4, 5, 6, 7, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 7, 12, 17, 22);                        \
    MD5_FOUR(MD5_F, 8, 9, 10, 11, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 7, 12, 17, 22);                      \
    MD5_FOUR(MD5_F, 12, 13, 14, 15, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 7, 12, 17, 22);                    \
    MD5_FOUR(MD5_G, 1, 6, 11, 0, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 5, 9, 14, 20);                        \
    MD5_FOUR(MD5_G, 5, 10, 15, 4, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 5, 9, 14, 20);                       \
    MD5_FOUR(MD5_G, 9, 14, 3, 8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 5, 9, 14, 20);                        \
    MD5_FOUR(MD5_G, 13, 2, 7, 12, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 5, 9, 14, 20);                       \
    MD5_FOUR(MD5_H_, 5, 8, 11, 14, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 4, 11, 16, 23);                     \
    MD5_FOUR(MD5_H_, 1, 4, 7, 10, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 4, 11, 16, 23);                      \
    MD5_FOUR(MD5_H_, 13, 0, 3, 6, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 4, 11, 16, 23);                      \
    MD5_FOUR(MD5_H_, 9, 12, 15, 2, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 4, 11, 16, 23);                     \
    MD5_FOUR(MD5_I, 0, 7, 14, 5, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 6, 10, 15, 21);                       \
    MD5_FOUR(MD5_I, 12, 3, 10, 1, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 6, 10, 15, 21);                      \
    MD5_FOUR(MD5_I, 8, 15, 6, 13, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 6, 10, 15, 21);                      \
    MD5_FOUR(MD5_I, 4, 11, 2, 9, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391, 6, 10, 15, 21)

/* MD5's words are little-endian wherever it runs. */
static void md5_words(void *to, const void *from, size_t count)
{
    memcpy(to, from, 4 * count);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (uint32_t *word = to; count > 0; word++, count--)
        *word = __builtin_bswap32(*word);
#endif
}

/* Whole blocks of a message. */
static void md5_blocks(uint32_t word[4], const uint8_t *data, size_t length)
{
    uint32_t a = word[0], b = word[1], c = word[2], d = word[3], x[16];

    for (; length >= MD5_BLOCK; data += MD5_BLOCK, length -= MD5_BLOCK) {
        md5_words(x, data, 16);
        MD5_ROUNDS;
        a = word[0] += a;
        b = word[1] += b;
        c = word[2] += c;
        d = word[3] += d;
    }
}

static void md5_begin(struct md5 *md5)
{
    static const uint32_t start[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};

    memcpy(md5->word, start, sizeof start);
    md5->length = 0;
}

static void md5_add(struct md5 *md5, const void *part, size_t length)
{
    const uint8_t *data = part;
    size_t held = md5->length % MD5_BLOCK, room = MD5_BLOCK - held;

    md5->length += length;
    if (held && length >= room) {
        memcpy(md5->rest + held, data, room);
        md5_blocks(md5->word, md5->rest, MD5_BLOCK);
        data += room;
        length -= room;
        held = 0;
    }
    if (length >= MD5_BLOCK) { /* then nothing is held */
        md5_blocks(md5->word, data, length);
        data += length - length % MD5_BLOCK;
        length %= MD5_BLOCK;
    }
    memcpy(md5->rest + held, data, length);
}

static void md5_end(struct md5 *md5, uint8_t digest[MD5_SIZE])
{
    size_t held = md5->length % MD5_BLOCK;
    uint64_t bits = md5->length * 8;
    uint32_t length[2] = {(uint32_t)bits, (uint32_t)(bits >> 32)};

    md5->rest[held++] = 0x80;
    if (held > MD5_BLOCK - sizeof length) {
        memset(md5->rest + held, 0, MD5_BLOCK - held);
        md5_blocks(md5->word, md5->rest, MD5_BLOCK);
        held = 0;
    }
    memset(md5->rest + held, 0, MD5_BLOCK - sizeof length - held);
    md5_words(md5->rest + MD5_BLOCK - sizeof length, length, 2);
    md5_blocks(md5->word, md5->rest, MD5_BLOCK);
    md5_words(digest, md5->word, 4);
}

static void hmac_md5_key(struct hmac_md5 *hmac, const uint8_t *key, size_t length)
{
    uint8_t inner[MD5_BLOCK], outer[MD5_BLOCK], hashed[MD5_SIZE];

    md5_begin(&hmac->inner);
    md5_begin(&hmac->outer);
    if (length > MD5_BLOCK) {
        struct md5 md5 = hmac->inner;
        md5_add(&md5, key, length);
        md5_end(&md5, hashed);
        key = hashed;
        length = MD5_SIZE;
    }
    for (size_t i = 0; i < MD5_BLOCK; i++) {
        uint8_t byte = i < length ? key[i] : 0;
        inner[i] = byte ^ 0x36;
        outer[i] = byte ^ 0x5c;
    }
    md5_add(&hmac->inner, inner, MD5_BLOCK);
    md5_add(&hmac->outer, outer, MD5_BLOCK);
}

/* `message` is a copy of the key's `inner` to which the message was added. */
static void hmac_md5_end(const struct hmac_md5 *hmac, struct md5 *message, uint8_t digest[MD5_SIZE])
{
    struct md5 outer = hmac->outer;

    md5_end(message, digest);
    md5_add(&outer, digest, MD5_SIZE);
    md5_end(&outer, digest);
}

#endif
