/* The hot operations of the native platform: one host round trip for each Python call.
 * native/fallback.py has the same functions in pure Python; native/host.py takes whichever there is. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int children_pending = 1; /* SIGCHLD was seen, and waitpid has not yet answered "nobody" */
static int children_last; /* the last event was a child's: others come first now, or a storm of stops starves them */

static void drain(int signals)
{
    char records[8 * 128];
    while (read(signals, records, sizeof records) > 0)
        children_pending = 1;
}

/* wait(epoll, listener, signals, timeout_ms) -> None | (tid, status)
 *   | (tid, notification, number, instruction_pointer, (six arguments)) | (descriptor, events, None) */
static PyObject *native_wait(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    int epoll = PyLong_AsLong(args[0]), listener = PyLong_AsLong(args[1]), signals = PyLong_AsLong(args[2]);
    int timeout = PyLong_AsLong(args[3]), status, ready;
    struct epoll_event event;
    struct seccomp_notif call;
    for (;;) {
        ready = children_pending && children_last ? epoll_wait(epoll, &event, 1, 0) : 0;
        if (children_pending && ready <= 0) {
            pid_t tid = waitpid(-1, &status, __WALL | WNOHANG);
            children_last = tid > 0;
            if (tid > 0)
                return Py_BuildValue("(ii)", tid, status);
            children_pending = 0;
        }
        children_last = 0;
        if (ready <= 0) /* what was told at the edge is told once: an event that was taken is never asked for again */
            ready = epoll_wait(epoll, &event, 1, 0);
        if (ready == 0 && children_pending)
            continue;
        if (ready == 0 && timeout != 0) {
            Py_BEGIN_ALLOW_THREADS
            ready = epoll_wait(epoll, &event, 1, timeout);
            Py_END_ALLOW_THREADS
        }
        if (ready < 0) {
            if (errno != EINTR || PyErr_CheckSignals())
                return PyErr_Occurred() ? NULL : PyErr_SetFromErrno(PyExc_OSError);
            continue;
        }
        if (ready == 0)
            Py_RETURN_NONE;
        if (event.data.fd == signals) {
            drain(signals);
            continue;
        }
        if (event.data.fd != listener)
            return Py_BuildValue("(iIO)", event.data.fd, event.events, Py_None);
        memset(&call, 0, sizeof call);
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
            continue; /* ENOENT: killed or interrupted in between; the call never happened */
        PyObject *arguments = PyTuple_New(6), *result = PyTuple_New(5);
        if (!arguments || !result)
            return NULL;
        for (int i = 0; i < 6; i++)
            PyTuple_SET_ITEM(arguments, i, PyLong_FromUnsignedLongLong(call.data.args[i]));
        PyTuple_SET_ITEM(result, 0, PyLong_FromLong(call.pid));
        PyTuple_SET_ITEM(result, 1, PyLong_FromUnsignedLongLong(call.id));
        PyTuple_SET_ITEM(result, 2, PyLong_FromLong(call.data.nr));
        PyTuple_SET_ITEM(result, 3, PyLong_FromUnsignedLongLong(call.data.instruction_pointer));
        PyTuple_SET_ITEM(result, 4, arguments);
        return result;
    }
}

/* wait_for(tid, signals, timeout_ms) -> status | None: the next stop or end of one thread. */
static PyObject *native_wait_for(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    int tid = PyLong_AsLong(args[0]), signals = PyLong_AsLong(args[1]), timeout = PyLong_AsLong(args[2]), status;
    for (;;) {
        pid_t found = waitpid(tid, &status, __WALL | WNOHANG);
        if (found == tid)
            return PyLong_FromLong(status);
        if (found < 0)
            return PyErr_SetFromErrno(PyExc_OSError);
        struct pollfd descriptor = {signals, POLLIN, 0};
        int ready;
        Py_BEGIN_ALLOW_THREADS
        ready = poll(&descriptor, 1, timeout);
        Py_END_ALLOW_THREADS
        if (ready == 0)
            Py_RETURN_NONE;
        drain(signals);
    }
}

/* reply(listener, notification, value, flags) -> 0 | errno */
static PyObject *native_reply(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct seccomp_notif_resp response = {PyLong_AsUnsignedLongLong(args[1]), PyLong_AsUnsignedLongLongMask(args[2]), 0,
                                          PyLong_AsUnsignedLong(args[3])};
    int failed = ioctl(PyLong_AsLong(args[0]), SECCOMP_IOCTL_NOTIF_SEND, &response);
    return PyLong_FromLong(failed ? errno : 0);
}

/* ptrace(request, tid, address, data) -> 0 | errno; address and data are host numbers */
static PyObject *native_ptrace(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    errno = 0;
    long result = ptrace(PyLong_AsLong(args[0]), PyLong_AsLong(args[1]), (void *)PyLong_AsUnsignedLongLongMask(args[2]),
                         (void *)PyLong_AsUnsignedLongLongMask(args[3]));
    return PyLong_FromLong(result == -1 ? errno : 0);
}

/* read_memory(tid, address, size) -> bytes, shorter than size where the guest's memory ends */
static PyObject *native_read_memory(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    size_t size = PyLong_AsSize_t(args[2]);
    if (PyErr_Occurred())
        return NULL;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, size);
    if (!bytes)
        return NULL;
    struct iovec here = {PyBytes_AS_STRING(bytes), size};
    struct iovec there = {(void *)PyLong_AsUnsignedLongLongMask(args[1]), size};
    ssize_t done = process_vm_readv(PyLong_AsLong(args[0]), &here, 1, &there, 1, 0);
    if (done != (ssize_t)size)
        _PyBytes_Resize(&bytes, done < 0 ? 0 : done);
    return bytes;
}

/* write_memory(tid, address, data) -> bytes written, fewer than given where the guest's memory ends */
static PyObject *native_write_memory(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Py_buffer data;
    if (PyObject_GetBuffer(args[2], &data, PyBUF_SIMPLE))
        return NULL;
    struct iovec here = {data.buf, data.len};
    struct iovec there = {(void *)PyLong_AsUnsignedLongLongMask(args[1]), data.len};
    ssize_t done = process_vm_writev(PyLong_AsLong(args[0]), &here, 1, &there, 1, 0);
    PyBuffer_Release(&data);
    return PyLong_FromSsize_t(done < 0 ? 0 : done);
}

static PyMethodDef methods[] = {
    {"wait", (PyCFunction)(void (*)(void))native_wait, METH_FASTCALL, NULL},
    {"wait_for", (PyCFunction)(void (*)(void))native_wait_for, METH_FASTCALL, NULL},
    {"reply", (PyCFunction)(void (*)(void))native_reply, METH_FASTCALL, NULL},
    {"ptrace", (PyCFunction)(void (*)(void))native_ptrace, METH_FASTCALL, NULL},
    {"read_memory", (PyCFunction)(void (*)(void))native_read_memory, METH_FASTCALL, NULL},
    {"write_memory", (PyCFunction)(void (*)(void))native_write_memory, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "lichen.platforms._native", NULL, -1, methods};

PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&definition); }
