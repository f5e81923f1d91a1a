/* Encrypts the packets of a frame and sends them, in one call where Python needs three for each packet.
 *
 * libsrtp is pylibsrtp's: the caller passes the address of its srtp_protect and that of the session. The interpreter's
 * lock is held throughout: the session belongs to the event loop's thread, and the socket never blocks.
 */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* linux/udp.h; since Linux 4.18 */
#endif

enum {
    MAX_SEGMENTS = 64,     /* UDP_MAX_SEGMENTS of Linux before 6.2 */
    MAX_PACKET = 1500,     /* of pylibsrtp: nothing longer can be encrypted by it either */
    MAX_TRAILER = 144,     /* SRTP_MAX_TRAILER_LEN */
    MAX_DATAGRAM = 65000,  /* below the 65507 bytes of UDP over IPv4 */
};

typedef int (*Protect)(void *session, void *packet, int *length);

typedef union { struct sockaddr any; struct sockaddr_in four; struct sockaddr_in6 six; } Address;

/* Datagrams one after the other, each encrypted already. */
static uint8_t buffer[MAX_SEGMENTS * MAX_PACKET];

/* Return the length of the address, 0 where the host is not a number. */
static socklen_t read_address(const char *host, int port, Address *out)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &out->four.sin_addr) == 1) {
        out->four.sin_family = AF_INET;
        out->four.sin_port = htons((uint16_t)port);
        return sizeof out->four;
    }
    if (inet_pton(AF_INET6, host, &out->six.sin6_addr) == 1) {
        out->six.sin6_family = AF_INET6;
        out->six.sin6_port = htons((uint16_t)port);
        return sizeof out->six;
    }
    return 0;
}

/* Send datagrams of `size` bytes, the last of which may be shorter, by one system call; return 0 where that can't be. */
static int send_segments(int socket, Address *address, socklen_t length, uint8_t *data, size_t total, uint16_t size)
{
    union { char bytes[CMSG_SPACE(sizeof(uint16_t))]; struct cmsghdr aligned; } control;
    struct iovec piece = {data, total};
    struct msghdr message = {.msg_name = address, .msg_namelen = length, .msg_iov = &piece, .msg_iovlen = 1};
    if (total > size) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        memset(&control, 0, sizeof control);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_UDP;
        header->cmsg_type = UDP_SEGMENT;
        header->cmsg_len = CMSG_LEN(sizeof size);
        memcpy(CMSG_DATA(header), &size, sizeof size);
    }
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno == EAGAIN || errno == EWOULDBLOCK;
}

/* Send all; what the socket doesn't take is lost, as on the network. */
static void send_all(int socket, Address *address, socklen_t length, const int *sizes, int count)
{
    uint8_t *data = buffer;
    for (int first = 0, next; first < count; first = next) {
        size_t total = 0;
        for (next = first; next < count && sizes[next] <= sizes[first]; next++) {
            if (total + sizes[next] > MAX_DATAGRAM || (next > first && sizes[next - 1] < sizes[first]))
                break;
            total += sizes[next];
        }
        if (!send_segments(socket, address, length, data, total, (uint16_t)sizes[first])) {
            uint8_t *each = data; /* no such thing on this way, or an ICMP error for something sent earlier */
            for (int i = first; i < next; each += sizes[i++])
                send_segments(socket, address, length, each, sizes[i], (uint16_t)sizes[i]);
        }
        data += total;
    }
}

/* Encrypt `count` packets of the list into the buffer; return their bytes, or -1 with an error set. */
static Py_ssize_t protect_all(Protect protect, void *session, PyObject *packets, Py_ssize_t first, int count, int *sizes)
{
    uint8_t *data = buffer;
    for (int i = 0; i < count; i++, data += sizes[i - 1]) {
        PyObject *packet = PyList_GetItem(packets, first + i);
        char *bytes;
        Py_ssize_t size;
        if (!packet || PyBytes_AsStringAndSize(packet, &bytes, &size) < 0)
            return -1;
        if (size > MAX_PACKET - MAX_TRAILER) {
            PyErr_SetString(PyExc_ValueError, "packet is too long");
            return -1;
        }
        memcpy(data, bytes, size);
        sizes[i] = (int)size;
        int status = protect(session, data, &sizes[i]);
        if (status) {
            PyErr_Format(PyExc_ValueError, "SRTP error %d", status);
            return -1;
        }
    }
    return data - buffer;
}

/* send(protect, session, socket, host, port, packets): encrypt a list of RTP packets (bytes) and send them.
 *
 * `protect` and `session` are addresses of libsrtp's, `socket` is a descriptor. Returns the bytes that went out, None
 * where the host is not a number. Raises ValueError for a packet that can't be encrypted; those of its batch stay. */
static PyObject *py_send(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    unsigned long long protect, session;
    int socket, port, sizes[MAX_SEGMENTS];
    const char *host;
    PyObject *packets;
    Address address;
    Py_ssize_t sent = 0;
    if (!PyArg_ParseTuple(arguments, "KKisiO:send", &protect, &session, &socket, &host, &port, &packets))
        return NULL;
    if (!PyList_Check(packets) || !protect || !session) {
        PyErr_SetString(PyExc_TypeError, "send takes two addresses, a socket, a host, a port and a list of bytes");
        return NULL;
    }
    socklen_t length = read_address(host, port, &address);
    if (!length)
        Py_RETURN_NONE;
    for (Py_ssize_t first = 0, left; (left = PyList_Size(packets) - first) > 0; first += MAX_SEGMENTS) {
        int count = left < MAX_SEGMENTS ? (int)left : MAX_SEGMENTS;
        Py_ssize_t bytes = protect_all((Protect)(uintptr_t)protect, (void *)(uintptr_t)session, packets, first, count, sizes);
        if (bytes < 0)
            return NULL;
        send_all(socket, &address, length, sizes, count);
        sent += bytes;
    }
    return PyLong_FromSsize_t(sent);
}

static PyMethodDef methods[] = {{"send", py_send, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};

static int start(PyObject *module) { return PyModule_AddStringConstant(module, "SOURCE", SOURCE); }

static PyModuleDef_Slot slots[] = {{Py_mod_exec, start}, {0, NULL}};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_datagrams", .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC PyInit__datagrams(void) { return PyModuleDef_Init(&definition); }
