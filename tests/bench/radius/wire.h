/* RADIUS on the wire: requests made, answers judged (RFC 2865 sections 3 and 5.2, RFC 2866 section 3, RFC 2869 section
 * 5.14). */
#ifndef WIRE_H
#define WIRE_H

#include "../../../radius/md5.h"

enum {
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

/* Who can have sent an answer to the request with this Authenticator. */
static enum verdict judge(const struct key *key, const uint8_t *packet, size_t length, const uint8_t *authenticator)
{
    uint8_t digest[MD5_SIZE];
    const uint8_t *signature = NULL;

    with_secret(key, packet, length, authenticator, digest);
    if (memcmp(digest, packet + 4, MD5_SIZE) != 0)
        return FORGED;
    for (const uint8_t *at = packet + HEADER; at < packet + length; at += at[1]) {
        if (at + 2 > packet + length || at[1] < 2 || at + at[1] > packet + length)
            return FORGED;
        if (at[0] == MESSAGE_AUTHENTICATOR) {
            if (signature || at[1] != 2 + MD5_SIZE)
                return FORGED;
            signature = at + 2;
        }
    }
    if (!signature)
        return UNSIGNED;
    signature_of(key, packet, length, authenticator, signature, digest);
    return memcmp(digest, signature, MD5_SIZE) == 0 ? SIGNED : FORGED;
}

#endif
