/* MD5 (RFC 1321) and HMAC-MD5 (RFC 2104) with the key's two states computed once. Little-endian machines only. */
#ifndef MD5_H
#define MD5_H

#include <stdint.h>
#include <string.h>

#define MD5_SIZE 16
#define MD5_BLOCK 64
#define MD5_ROOM (MD5_BLOCK + 8) /* bytes after a message that md5_end may write */

struct md5 {
    uint32_t word[4];
};

struct hmac_md5 {
    struct md5 inner, outer;
};

static const struct md5 md5_start = {{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};

#define MD5_STEP(mix, a, b, c, d, x, constant, shift)                                                                  \
    a += (mix) + (x) + (constant);                                                                                     \
    a = ((a << (shift)) | (a >> (32 - (shift)))) + b

#define MD5_FOUR(MIX, k0, k1, k2, k3, t0, t1, t2, t3, s0, s1, s2, s3)                                                  \
    MD5_STEP(MIX(b, c, d), a, b, c, d, x[k0], t0, s0);                                                                 \
    MD5_STEP(MIX(a, b, c), d, a, b, c, x[k1], t1, s1);                                                                 \
    MD5_STEP(MIX(d, a, b), c, d, a, b, x[k2], t2, s2);                                                                 \
    MD5_STEP(MIX(c, d, a), b, c, d, a, x[k3], t3, s3)

#define MD5_F(p, q, r) (((q) ^ (r)) & (p)) ^ (r)
#define MD5_G(p, q, r) (((p) ^ (q)) & (r)) ^ (q)
#define MD5_H_(p, q, r) (p) ^ (q) ^ (r)
#define MD5_I(p, q, r) (q) ^ ((p) | ~(r))

/* Whole blocks of a message. */
static void md5_blocks(struct md5 *state, const uint8_t *data, size_t length)
{
    uint32_t a = state->word[0], b = state->word[1], c = state->word[2], d = state->word[3], x[16];

    for (; length >= MD5_BLOCK; data += MD5_BLOCK, length -= MD5_BLOCK) {
        memcpy(x, data, MD5_BLOCK);
        MD5_FOUR(MD5_F, 0, 1, 2, 3, 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 7, 12, 17, 22);
        MD5_FOUR(MD5_F, 4, 5, 6, 7, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 7, 12, 17, 22);
        MD5_FOUR(MD5_F, 8, 9, 10, 11, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 7, 12, 17, 22);
        MD5_FOUR(MD5_F, 12, 13, 14, 15, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 7, 12, 17, 22);
        MD5_FOUR(MD5_G, 1, 6, 11, 0, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 5, 9, 14, 20);
        MD5_FOUR(MD5_G, 5, 10, 15, 4, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 5, 9, 14, 20);
        MD5_FOUR(MD5_G, 9, 14, 3, 8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 5, 9, 14, 20);
        MD5_FOUR(MD5_G, 13, 2, 7, 12, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 5, 9, 14, 20);
        MD5_FOUR(MD5_H_, 5, 8, 11, 14, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 4, 11, 16, 23);
        MD5_FOUR(MD5_H_, 1, 4, 7, 10, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 4, 11, 16, 23);
        MD5_FOUR(MD5_H_, 13, 0, 3, 6, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 4, 11, 16, 23);
        MD5_FOUR(MD5_H_, 9, 12, 15, 2, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 4, 11, 16, 23);
        MD5_FOUR(MD5_I, 0, 7, 14, 5, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 6, 10, 15, 21);
        MD5_FOUR(MD5_I, 12, 3, 10, 1, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 6, 10, 15, 21);
        MD5_FOUR(MD5_I, 8, 15, 6, 13, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 6, 10, 15, 21);
        MD5_FOUR(MD5_I, 4, 11, 2, 9, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391, 6, 10, 15, 21);
        a = state->word[0] += a;
        b = state->word[1] += b;
        c = state->word[2] += c;
        d = state->word[3] += d;
    }
}

/* The digest of a message whose first `before` bytes (a multiple of the block) are in `state` already. Writes the
 * padding behind the message: there must be MD5_ROOM bytes. */
static void md5_end(struct md5 state, uint8_t *message, size_t length, size_t before, uint8_t digest[MD5_SIZE])
{
    size_t padded = (length + 8) / MD5_BLOCK * MD5_BLOCK + MD5_BLOCK;
    uint64_t bits = (uint64_t)(before + length) * 8;

    memset(message + length, 0, padded - length);
    message[length] = 0x80;
    memcpy(message + padded - 8, &bits, 8);
    md5_blocks(&state, message, padded);
    memcpy(digest, state.word, MD5_SIZE);
}

/* The key must not be longer than a block. */
static void hmac_md5_key(struct hmac_md5 *hmac, const uint8_t *key, size_t length)
{
    uint8_t inner[MD5_BLOCK], outer[MD5_BLOCK];

    for (size_t i = 0; i < MD5_BLOCK; i++) {
        uint8_t byte = i < length ? key[i] : 0;
        inner[i] = byte ^ 0x36;
        outer[i] = byte ^ 0x5c;
    }
    hmac->inner = hmac->outer = md5_start;
    md5_blocks(&hmac->inner, inner, MD5_BLOCK);
    md5_blocks(&hmac->outer, outer, MD5_BLOCK);
}

/* As md5_end: writes behind the message. */
static void hmac_md5(const struct hmac_md5 *hmac, uint8_t *message, size_t length, uint8_t digest[MD5_SIZE])
{
    uint8_t last[MD5_SIZE + MD5_ROOM];

    md5_end(hmac->inner, message, length, MD5_BLOCK, last);
    md5_end(hmac->outer, last, MD5_SIZE, MD5_BLOCK, digest);
}

#endif
