/* What every datagram passes through, in C. What each function does, its twin in Python says: radius/wire/plain.py, and
 * radius/wire/mmsg.py for Slots. Nothing here waits, so the interpreter's lock is never let go.
 */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "md5.h"

enum {
    HEADER = 20,
    LONGEST = 4096,
    SIGNATURE = 80, /* Message-Authenticator, of two bytes before its value */
    MOST = 256,     /* datagrams at once */
    ROOM = 4160,    /* for each: more than a packet may have, so that a longer one is seen to be one */
    MOST_KEYS = 4096,
    MOST_TOGETHER = 64,          /* datagrams as one message, as many as any kernel takes */
    MOST_TOGETHER_BYTES = 60000, /* an IP packet's worth */
};

static const uint8_t zeroes[MD5_SIZE];

/* -- authenticators ------------------------------------------------------------------------------------------------ */

static PyObject *keys; /* secret -> struct hmac_md5, as bytes */

static const struct hmac_md5 *key_of(PyObject *secret)
{
    PyObject *known = PyDict_GetItemWithError(keys, secret);

    if (!known && !PyErr_Occurred()) {
        if (PyDict_GET_SIZE(keys) >= MOST_KEYS)
            PyDict_Clear(keys);
        known = PyBytes_FromStringAndSize(NULL, sizeof(struct hmac_md5));
        if (!known)
            return NULL;
        hmac_md5_key((void *)PyBytes_AS_STRING(known), (void *)PyBytes_AS_STRING(secret), (size_t)PyBytes_GET_SIZE(secret));
        if (PyDict_SetItem(keys, secret, known) < 0)
            Py_CLEAR(known);
        Py_XDECREF(known); /* the dictionary holds it */
    }
    return known ? (void *)PyBytes_AS_STRING(known) : NULL;
}

static bool same(const uint8_t *a, const uint8_t *b) /* in constant time */
{
    volatile uint8_t differ = 0;

    for (size_t i = 0; i < MD5_SIZE; i++)
        differ |= a[i] ^ b[i];
    return !differ;
}

/* MD5 of a packet with another Authenticator, followed by the secret. */
static void with_secret(const uint8_t *packet, size_t length, const void *authenticator, PyObject *secret, uint8_t *digest)
{
    struct md5 md5;

    md5_begin(&md5);
    md5_add(&md5, packet, 4);
    md5_add(&md5, authenticator, MD5_SIZE);
    md5_add(&md5, packet + HEADER, length - HEADER);
    md5_add(&md5, PyBytes_AS_STRING(secret), (size_t)PyBytes_GET_SIZE(secret));
    md5_end(&md5, digest);
}

static bool bytes_of(PyObject *const *arguments, Py_ssize_t count, Py_ssize_t wanted, unsigned which)
{
    bool right = count == wanted;

    for (Py_ssize_t i = 0; right && i < count; i++)
        right = which >> i & 1 ? PyBytes_CheckExact(arguments[i]) : PyLong_Check(arguments[i]);
    if (!right)
        PyErr_SetString(PyExc_TypeError, "other arguments are wanted");
    return right;
}

static PyObject *authenticator(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    uint8_t digest[MD5_SIZE];

    (void)self;
    if (!bytes_of(arguments, count, 3, 7))
        return NULL;
    if (PyBytes_GET_SIZE(arguments[0]) < HEADER || PyBytes_GET_SIZE(arguments[1]) != MD5_SIZE)
        return PyErr_Format(PyExc_ValueError, "no packet, or no Authenticator");
    with_secret((void *)PyBytes_AS_STRING(arguments[0]), (size_t)PyBytes_GET_SIZE(arguments[0]),
                PyBytes_AS_STRING(arguments[1]), arguments[2], digest);
    return PyBytes_FromStringAndSize((char *)digest, MD5_SIZE);
}

static PyObject *is_signed(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    uint8_t digest[MD5_SIZE];

    (void)self;
    if (!bytes_of(arguments, count, 4, 13))
        return NULL;
    const uint8_t *packet = (void *)PyBytes_AS_STRING(arguments[0]);
    Py_ssize_t length = PyBytes_GET_SIZE(arguments[0]), at = PyLong_AsSsize_t(arguments[1]);
    if (at < HEADER || at > length - MD5_SIZE || PyBytes_GET_SIZE(arguments[2]) != MD5_SIZE) {
        PyErr_Clear();
        return PyErr_Format(PyExc_ValueError, "no Message-Authenticator there, or no Authenticator");
    }
    const struct hmac_md5 *key = key_of(arguments[3]);
    if (!key)
        return NULL;
    struct md5 md5 = key->inner;
    md5_add(&md5, packet, 4);
    md5_add(&md5, PyBytes_AS_STRING(arguments[2]), MD5_SIZE);
    md5_add(&md5, packet + HEADER, (size_t)at - HEADER);
    md5_add(&md5, zeroes, MD5_SIZE);
    md5_add(&md5, packet + at + MD5_SIZE, (size_t)(length - at) - MD5_SIZE);
    hmac_md5_end(key, &md5, digest);
    return PyBool_FromLong(same(digest, packet + at));
}

static PyObject *seal(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    (void)self;
    if (!bytes_of(arguments, count, 6, 28))
        return NULL;
    long code = PyLong_AsLong(arguments[0]), identifier = PyLong_AsLong(arguments[1]);
    PyObject *request = arguments[2], *body = arguments[3], *secret = arguments[4];
    int sign = PyObject_IsTrue(arguments[5]);
    Py_ssize_t length = HEADER + PyBytes_GET_SIZE(body) + (sign ? 2 + MD5_SIZE : 0);
    if ((code | identifier) & ~255 || PyBytes_GET_SIZE(request) != MD5_SIZE) {
        PyErr_Clear();
        return PyErr_Format(PyExc_ValueError, "no code, identifier or Authenticator");
    }
    if (length > LONGEST)
        return PyErr_Format(PyExc_ValueError, "a packet of %zd bytes; RADIUS allows %d", length, LONGEST);
    PyObject *made = PyBytes_FromStringAndSize(NULL, length);
    if (!made)
        return NULL;
    uint8_t *packet = (void *)PyBytes_AS_STRING(made), *attributes = packet + HEADER;
    memcpy(packet, (uint8_t[]){(uint8_t)code, (uint8_t)identifier, (uint8_t)(length >> 8), (uint8_t)length}, 4);
    memcpy(packet + 4, PyBytes_AS_STRING(request), MD5_SIZE);
    if (sign) {
        memcpy(attributes, (uint8_t[]){SIGNATURE, 2 + MD5_SIZE}, 2);
        memset(attributes + 2, 0, MD5_SIZE);
        attributes += 2 + MD5_SIZE;
    }
    memcpy(attributes, PyBytes_AS_STRING(body), (size_t)PyBytes_GET_SIZE(body));
    if (sign) {
        const struct hmac_md5 *key = key_of(secret);
        if (!key) {
            Py_DECREF(made);
            return NULL;
        }
        struct md5 md5 = key->inner;
        md5_add(&md5, packet, (size_t)length);
        hmac_md5_end(key, &md5, packet + HEADER + 2);
    }
    uint8_t digest[MD5_SIZE];
    with_secret(packet, (size_t)length, packet + 4, secret, digest);
    memcpy(packet + 4, digest, MD5_SIZE);
    return made;
}

/* -- attributes ---------------------------------------------------------------------------------------------------- */

/* Looked at where they stand: a request has many more than are asked for. */
struct attributes {
    PyObject_HEAD
    PyObject *packet; /* bytes, whose attributes are whole */
};

/* Where the first one of a kind begins; 0: nowhere. */
static Py_ssize_t found_at(PyObject *packet, long kind)
{
    const uint8_t *data = (void *)PyBytes_AS_STRING(packet);

    for (Py_ssize_t at = HEADER; at < PyBytes_GET_SIZE(packet); at += data[at + 1])
        if (data[at] == kind)
            return at;
    return 0;
}

/* -1 and an exception where the key is no number. */
static Py_ssize_t found_of(PyObject *self, PyObject *key)
{
    long kind = PyLong_AsLong(key);

    return kind == -1 && PyErr_Occurred() ? -1 : found_at(((struct attributes *)self)->packet, kind);
}

static PyObject *value_at(PyObject *self, Py_ssize_t at)
{
    char *attribute = PyBytes_AS_STRING(((struct attributes *)self)->packet) + at;

    return PyBytes_FromStringAndSize(attribute + 2, (uint8_t)attribute[1] - 2);
}

static int attributes_contain(PyObject *self, PyObject *key)
{
    Py_ssize_t at = found_of(self, key);

    return at < 0 ? -1 : at > 0;
}

static PyObject *attributes_item(PyObject *self, PyObject *key)
{
    Py_ssize_t at = found_of(self, key);

    if (at == 0)
        PyErr_SetObject(PyExc_KeyError, key);
    return at > 0 ? value_at(self, at) : NULL;
}

static PyObject *attributes_get(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    if (count < 1 || count > 2)
        return PyErr_Format(PyExc_TypeError, "a key is wanted, and perhaps a default");
    Py_ssize_t at = found_of(self, arguments[0]);
    if (at == 0)
        return Py_NewRef(count == 2 ? arguments[1] : Py_None);
    return at > 0 ? value_at(self, at) : NULL;
}

static void attributes_dealloc(PyObject *self)
{
    Py_DECREF(((struct attributes *)self)->packet);
    PyObject_Free(self);
}

static PyMethodDef attributes_methods[] = {
    {"get", (PyCFunction)(void *)attributes_get, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PySequenceMethods attributes_as_sequence = {.sq_contains = attributes_contain};
static PyMappingMethods attributes_as_mapping = {.mp_subscript = attributes_item};

static PyTypeObject attributes_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "radius._wire.Attributes",
    .tp_basicsize = sizeof(struct attributes),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = attributes_dealloc,
    .tp_as_sequence = &attributes_as_sequence,
    .tp_as_mapping = &attributes_as_mapping,
    .tp_methods = attributes_methods,
};

/* What is wrong with the attributes, if anything. */
static const char *fault_of(const uint8_t *data, Py_ssize_t length, Py_ssize_t *signed_at)
{
    if (length < HEADER)
        return "attribute-length";
    for (Py_ssize_t at = HEADER, size; at < length; at += size) {
        size = at + 1 < length ? data[at + 1] : 0;
        if (size < 2 || size > length - at)
            return "attribute-length";
        if (data[at] == SIGNATURE) {
            if (*signed_at)
                return "message-authenticator";
            *signed_at = at + 2;
        }
    }
    return NULL;
}

static PyObject *walk(PyObject *self, PyObject *data)
{
    Py_ssize_t signed_at = 0;

    (void)self;
    if (!PyBytes_CheckExact(data))
        return PyErr_Format(PyExc_TypeError, "bytes are wanted");
    const char *fault = fault_of((void *)PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), &signed_at);
    if (fault)
        return PyUnicode_FromString(fault);
    struct attributes *first = PyObject_New(struct attributes, &attributes_type);
    if (!first)
        return NULL;
    first->packet = Py_NewRef(data);
    return Py_BuildValue("Nn", first, signed_at);
}

static int digit_of(char letter) /* hexadecimal; -1: none */
{
    char small = letter | 32;

    if (letter >= '0' && letter <= '9')
        return letter - '0';
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

static PyObject *mac(PyObject *self, PyObject *value)
{
    static const char hexadecimal[] = "0123456789abcdef";
    char text[17];
    unsigned digits = 0;

    (void)self;
    if (!PyBytes_CheckExact(value))
        return PyErr_Format(PyExc_TypeError, "bytes are wanted");
    for (const char *at = PyBytes_AS_STRING(value), *end = at + PyBytes_GET_SIZE(value); at < end; at++) {
        int digit = digit_of(*at);
        if (*at == ':' || *at == '-' || *at == '.')
            continue;
        if (digit < 0 || digits == 12)
            Py_RETURN_NONE;
        if (digits && digits % 2 == 0)
            text[digits / 2 * 3 - 1] = ':';
        text[digits / 2 * 3 + digits % 2] = hexadecimal[digit];
        digits++;
    }
    if (digits != 12)
        Py_RETURN_NONE;
    return PyUnicode_FromStringAndSize(text, sizeof text);
}

/* -- datagrams ----------------------------------------------------------------------------------------------------- */

struct slots {
    PyObject_HEAD
    int laid_out; /* how many messages are as the kernel wants them to receive */
    struct mmsghdr messages[MOST];
    struct iovec parts[MOST];
    struct sockaddr_in6 names[MOST]; /* or a sockaddr_in */
    union {
        char room[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr aligned;
    } segments[MOST];
    uint8_t room[MOST][ROOM];
};

/* What a dictionary has, or else what is made of it. A new reference. */
static PyObject *found(PyObject *known, PyObject *key, PyObject *make)
{
    PyObject *value = PyDict_GetItemWithError(known, key);

    if (value)
        return Py_NewRef(value);
    return PyErr_Occurred() ? NULL : PyObject_CallOneArg(make, key);
}

static void lay_out(struct slots *slots, int k, void *data, size_t length, socklen_t name_length)
{
    slots->parts[k] = (struct iovec){data, length};
    slots->messages[k].msg_hdr = (struct msghdr){
        .msg_name = &slots->names[k], .msg_namelen = name_length, .msg_iov = &slots->parts[k], .msg_iovlen = 1};
}

static PyObject *receive(PyObject *self, PyObject *arguments)
{
    struct slots *slots = (struct slots *)self;
    PyObject *index, *known, *learn;
    int descriptor;

    if (!PyArg_ParseTuple(arguments, "iOO!O", &descriptor, &index, &PyDict_Type, &known, &learn))
        return NULL;
    for (; slots->laid_out < MOST; slots->laid_out++)
        lay_out(slots, slots->laid_out, slots->room[slots->laid_out], ROOM, sizeof slots->names[0]);
    int count = recvmmsg(descriptor, slots->messages, MOST, MSG_DONTWAIT, NULL);
    if (count < 0) {
        if (errno != EAGAIN && errno != EINTR)
            return PyErr_SetFromErrno(PyExc_OSError);
        count = 0;
    }
    PyObject *batch = PyList_New(count);
    for (int k = 0; batch && k < count; k++) {
        const struct mmsghdr *message = &slots->messages[k];
        PyObject *name = PyBytes_FromStringAndSize((char *)&slots->names[k], message->msg_hdr.msg_namelen);
        PyObject *source = name ? found(known, name, learn) : NULL;
        PyObject *data = source ? PyBytes_FromStringAndSize((char *)slots->room[k], message->msg_len) : NULL;
        PyObject *datagram = data ? PyTuple_Pack(3, data, source, index) : NULL;
        Py_XDECREF(name);
        Py_XDECREF(source);
        Py_XDECREF(data);
        if (datagram)
            PyList_SET_ITEM(batch, k, datagram);
        else
            Py_CLEAR(batch);
    }
    return batch;
}

/* The bytes of an answer stay where they are, as long as its list lives. */
static bool lay_out_answer(struct slots *slots, int k, PyObject *answer, PyObject *known, PyObject *find)
{
    if (!PyTuple_Check(answer) || PyTuple_GET_SIZE(answer) != 3 || !PyBytes_Check(PyTuple_GET_ITEM(answer, 0))) {
        PyErr_SetString(PyExc_TypeError, "datagrams are wanted");
        return false;
    }
    PyObject *data = PyTuple_GET_ITEM(answer, 0), *name = found(known, PyTuple_GET_ITEM(answer, 1), find);
    if (!name)
        return false;
    bool right = PyBytes_Check(name) && (size_t)PyBytes_GET_SIZE(name) <= sizeof slots->names[k];
    if (right) {
        memcpy(&slots->names[k], PyBytes_AS_STRING(name), (size_t)PyBytes_GET_SIZE(name));
        lay_out(slots, k, PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data), (socklen_t)PyBytes_GET_SIZE(name));
    } else
        PyErr_SetString(PyExc_TypeError, "the bytes of a socket address are wanted");
    Py_DECREF(name);
    return right;
}

/* Makes one message of neighbours that go to one address and are of one length: the kernel makes datagrams of it again
 * (udp(7), UDP_SEGMENT), and most of its work is done once for all. How many messages there are then. */
static int gather(struct slots *slots, int count)
{
    int last = 0;

    for (int k = 1; k < count; k++) {
        struct msghdr *message = &slots->messages[last].msg_hdr, *next = &slots->messages[k].msg_hdr;
        size_t length = message->msg_iov->iov_len;
        bool same = length && next->msg_iov->iov_len == length && next->msg_namelen == message->msg_namelen &&
                    memcmp(next->msg_name, message->msg_name, message->msg_namelen) == 0;
        if (!same || message->msg_iovlen == MOST_TOGETHER || (message->msg_iovlen + 1) * length > MOST_TOGETHER_BYTES) {
            slots->messages[++last] = slots->messages[k];
            continue;
        }
        if (message->msg_iovlen++ == 1) {
            message->msg_control = &slots->segments[last];
            message->msg_controllen = sizeof slots->segments[last];
            struct cmsghdr *control = CMSG_FIRSTHDR(message);
            *control = (struct cmsghdr){CMSG_LEN(sizeof(uint16_t)), SOL_UDP, UDP_SEGMENT};
            memcpy(CMSG_DATA(control), &(uint16_t){(uint16_t)length}, sizeof(uint16_t));
        }
    }
    return count ? last + 1 : 0;
}

/* Each part of a message for itself: not every way out takes them together. How many could not be sent. */
static int send_apart(int descriptor, struct msghdr message)
{
    int lost = 0, count = (int)message.msg_iovlen;

    message.msg_control = NULL;
    message.msg_controllen = 0;
    message.msg_iovlen = 1;
    for (int k = 0; k < count; k++, message.msg_iov++)
        lost += sendmsg(descriptor, &message, MSG_DONTWAIT) < 0;
    return lost;
}

/* How many could not be sent. */
static int send_out(struct slots *slots, int descriptor, int count)
{
    int sent = 0, lost = 0;

    while (sent < count) {
        int gone = sendmmsg(descriptor, slots->messages + sent, (unsigned)(count - sent), MSG_DONTWAIT);
        if (gone < 0 && errno == EINTR)
            continue;
        if (gone < 0) { /* the first of them is the one that cannot be sent */
            const struct msghdr *message = &slots->messages[sent].msg_hdr;
            lost += message->msg_iovlen > 1 ? send_apart(descriptor, *message) : 1;
        }
        sent += gone < 0 ? 1 : gone;
    }
    return lost;
}

static PyObject *send_answers(PyObject *self, PyObject *arguments)
{
    struct slots *slots = (struct slots *)self;
    PyObject *answers, *known, *find;
    int descriptor;
    long lost = 0;

    if (!PyArg_ParseTuple(arguments, "iO!O!O", &descriptor, &PyTuple_Type, &answers, &PyDict_Type, &known, &find))
        return NULL;
    slots->laid_out = 0;
    for (Py_ssize_t next = 0, count; next < PyTuple_GET_SIZE(answers); next += count) {
        for (count = 0; count < MOST && next + count < PyTuple_GET_SIZE(answers); count++)
            if (!lay_out_answer(slots, (int)count, PyTuple_GET_ITEM(answers, next + count), known, find))
                return NULL;
        lost += send_out(slots, descriptor, gather(slots, (int)count));
    }
    return PyLong_FromLong(lost);
}

static PyMethodDef slots_methods[] = {
    {"receive", receive, METH_VARARGS, NULL},
    {"send", send_answers, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject slots_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "radius._wire.Slots",
    .tp_basicsize = sizeof(struct slots),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_methods = slots_methods,
};

/* -- the module ---------------------------------------------------------------------------------------------------- */

static PyMethodDef functions[] = {
    {"authenticator", (PyCFunction)(void *)authenticator, METH_FASTCALL, NULL},
    {"is_signed", (PyCFunction)(void *)is_signed, METH_FASTCALL, NULL},
    {"seal", (PyCFunction)(void *)seal, METH_FASTCALL, NULL},
    {"mac", mac, METH_O, NULL},
    {"walk", walk, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_wire", NULL, -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__wire(void)
{
    PyObject *made = PyModule_Create(&module);

    keys = PyDict_New();
    if (!made || !keys || PyModule_AddType(made, &slots_type) < 0 || PyType_Ready(&attributes_type) < 0)
        Py_CLEAR(made);
    return made;
}
