/* Named pipes of messages: modes, transactions, peeking, waiting for an instance, several of them. */
#include <string.h>

#include "check.h"

#define NAME "\\\\.\\pipe\\lichen-messages"

static HANDLE begun;

static HANDLE make(DWORD most, DWORD timeout)
{
    return CreateNamedPipeA(NAME, PIPE_ACCESS_DUPLEX, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, most, 4096, 4096, timeout, NULL);
}

static HANDLE come(void)
{
    return CreateFileA(NAME, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
}

/* Turns each message around until the client goes. */
static DWORD WINAPI serve(void *pipe)
{
    char data[64], answer[64];
    DWORD size, i, count = 0;

    if (!ConnectNamedPipe(pipe, NULL) && GetLastError() != ERROR_PIPE_CONNECTED)
        return 1000;
    while (ReadFile(pipe, data, sizeof data, &size, NULL))
    {
        for (i = 0; i < size; i++)
            answer[i] = data[size - 1 - i];
        WriteFile(pipe, answer, size, &size, NULL);
        count++;
    }
    DisconnectNamedPipe(pipe);
    return count;
}

static DWORD WINAPI let_in_later(void *pipe)
{
    Sleep(40);
    DisconnectNamedPipe(pipe);
    SetEvent(begun);
    return ConnectNamedPipe(pipe, NULL) || GetLastError() == ERROR_PIPE_CONNECTED;
}

static void talk(void)
{
    HANDLE server = make(1, 0), client, thread;
    DWORD mode = PIPE_READMODE_MESSAGE, size, code, state, flags, most;
    char data[64];

    check(server != INVALID_HANDLE_VALUE, "a pipe of messages");
    thread = CreateThread(NULL, 0, serve, server, 0, NULL);
    client = come();
    check(client != INVALID_HANDLE_VALUE, "a client comes");
    check(come() == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY, "for a second one there is no instance");
    check(GetNamedPipeHandleStateA(client, &state, NULL, NULL, NULL, NULL, 0) && state == 0, "it reads bytes at first");
    check(!TransactNamedPipe(client, "abc", 3, data, 64, &size, NULL) && GetLastError() == ERROR_BAD_PIPE,
          "which is nothing for a transaction");
    check(SetNamedPipeHandleState(client, &mode, NULL, NULL) &&
              GetNamedPipeHandleStateA(client, &state, NULL, NULL, NULL, NULL, 0) && state == PIPE_READMODE_MESSAGE,
          "then it reads messages");
    check(TransactNamedPipe(client, "abc", 3, data, 64, &size, NULL) && size == 3 && !memcmp(data, "cba", 3), "a transaction");
    check(!TransactNamedPipe(client, "abcdef", 6, data, 4, &size, NULL) && GetLastError() == ERROR_MORE_DATA && size == 4 &&
              !memcmp(data, "fedc", 4), "one whose answer is too long");
    check(!TransactNamedPipe(client, "xyz", 3, data, 64, &size, NULL) && GetLastError() == ERROR_PIPE_BUSY,
          "none while there is something to read");
    check(ReadFile(client, data, 64, &size, NULL) && size == 2 && !memcmp(data, "ba", 2), "the rest of the answer");
    check(GetNamedPipeInfo(client, &flags, NULL, NULL, &most) && flags == PIPE_TYPE_MESSAGE && most == 1, "what the pipe is");
    CloseHandle(client);
    check(WaitForSingleObject(thread, 5000) == WAIT_OBJECT_0 && GetExitCodeThread(thread, &code) && code == 2,
          "a server sees each message, and the end");
    CloseHandle(thread);
    CloseHandle(server);
}

static void peek(void)
{
    HANDLE server = make(1, 0), client = come();
    DWORD size, available, left;
    char data[64];

    check(!ConnectNamedPipe(server, NULL) && GetLastError() == ERROR_PIPE_CONNECTED, "a client that came before it was waited for");
    check(PeekNamedPipe(server, data, 64, &size, &available, &left) && !size && !available && !left, "nothing to see yet");
    WriteFile(client, "first", 5, &size, NULL);
    WriteFile(client, "next", 4, &size, NULL);
    check(PeekNamedPipe(server, NULL, 0, NULL, &available, &left) && available == 9 && left == 5, "two messages, seen from far");
    check(PeekNamedPipe(server, data, 2, &size, &available, &left) && size == 2 && left == 3 && !memcmp(data, "fi", 2),
          "the beginning of the first");
    check(PeekNamedPipe(server, data, 64, &size, &available, &left) && size == 5 && left == 0 && !memcmp(data, "first", 5),
          "no more than the first");
    check(ReadFile(server, data, 64, &size, NULL) && size == 5 && ReadFile(server, data, 64, &size, NULL) && size == 4,
          "they are read one by one");
    check(WriteFile(client, "", 0, &size, NULL) && ReadFile(server, data, 64, &size, NULL) && size == 0, "a message may be empty");
    check(FlushFileBuffers(server), "what is written can be waited for");
    WriteFile(server, "lost", 4, &size, NULL);
    check(DisconnectNamedPipe(server), "the server throws the client out");
    check(!ReadFile(client, data, 64, &size, NULL) && GetLastError() == ERROR_PIPE_NOT_CONNECTED, "with what was not read");
    check(!WriteFile(server, "x", 1, &size, NULL) && GetLastError() == ERROR_PIPE_NOT_CONNECTED, "nor is anything written then");
    check(!PeekNamedPipe(server, NULL, 0, NULL, &available, NULL), "or seen");
    CloseHandle(client);
    CloseHandle(server);
}

static void wait_for_it(void)
{
    HANDLE server, second, client, thread;
    DWORD code;

    check(!WaitNamedPipeA(NAME, 10) && GetLastError() == ERROR_FILE_NOT_FOUND, "without a pipe there is nothing to wait for");
    server = make(2, 20);
    check(WaitNamedPipeA(NAME, 10), "an instance is ready");
    client = come();
    check(!WaitNamedPipeA(NAME, 10) && GetLastError() == ERROR_SEM_TIMEOUT, "until somebody has it");
    second = make(2, 20);
    check(second != INVALID_HANDLE_VALUE && WaitNamedPipeA(NAME, 10), "another instance");
    check(make(2, 20) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY, "but not more than there may be");
    CloseHandle(second);
    thread = CreateThread(NULL, 0, let_in_later, server, 0, NULL);
    check(WaitNamedPipeA(NAME, 5000), "one that becomes free is waited for");
    CloseHandle(client);
    WaitForSingleObject(begun, 5000);
    client = come();
    check(client != INVALID_HANDLE_VALUE && WaitForSingleObject(thread, 5000) == WAIT_OBJECT_0 &&
              GetExitCodeThread(thread, &code) && code == 1, "and taken");
    CloseHandle(server);
    CloseHandle(client);
    check(come() == INVALID_HANDLE_VALUE && GetLastError() == ERROR_FILE_NOT_FOUND, "without a server the name is gone");
}

int main(void)
{
    begun = CreateEventA(NULL, FALSE, FALSE, NULL);
    talk();
    peek();
    wait_for_it();
    return 0;
}
