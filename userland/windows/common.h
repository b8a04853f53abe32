/* What Lichen's own Windows programs share: messages, texts of errors, words of the command line.
 * Only documented interfaces of Windows are used, so that the programs do the same on any Windows and under Wine. */
#ifndef COMMON_H
#define COMMON_H

#ifndef UNICODE
#define UNICODE
#endif
#define _WIN32_WINNT 0x0A00
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <windows.h>
#include <stdarg.h>
#include <stdlib.h>
#include <wchar.h>

#define SHARED __attribute__((unused)) static
#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* ---- messages */

/* Write to a console as it is, and elsewhere in the console's code page; a line ends with \r\n there. */
SHARED void write_text(HANDLE file, const wchar_t *text, size_t length) {
    DWORD mode, written;
    if (GetConsoleMode(file, &mode)) {
        WriteConsoleW(file, text, (DWORD)length, &written, NULL);
        return;
    }
    UINT page = GetConsoleOutputCP();
    int size = WideCharToMultiByte(page, 0, text, (int)length, NULL, 0, NULL, NULL);
    char *bytes = malloc(size ? size : 1), *at = bytes;
    if (!bytes)
        return;
    WideCharToMultiByte(page, 0, text, (int)length, bytes, size, NULL, NULL);
    for (; size > 0; size -= (int)written, at += written)
        if (!WriteFile(file, at, (DWORD)size, &written, NULL) || !written)
            break;
    free(bytes);
}

SHARED void print_list(DWORD where, const wchar_t *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = _vscwprintf(format, again);
    va_end(again);
    wchar_t *text = length < 0 ? NULL : malloc((length + 1) * sizeof *text);
    wchar_t *lines = text ? malloc((2 * length + 1) * sizeof *lines) : NULL;
    if (lines) {
        size_t count = 0;
        _vsnwprintf(text, length + 1, format, arguments);
        for (const wchar_t *each = text; each < text + length; each++) {
            if (*each == L'\n' && (each == text || each[-1] != L'\r'))
                lines[count++] = L'\r';
            lines[count++] = *each;
        }
        write_text(GetStdHandle(where), lines, count);
    }
    free(lines);
    free(text);
}

/* As printf does, with %ls for wide strings. */
SHARED void say(const wchar_t *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_list(STD_OUTPUT_HANDLE, format, arguments);
    va_end(arguments);
}

/* The same on the standard error. */
SHARED void complain(const wchar_t *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_list(STD_ERROR_HANDLE, format, arguments);
    va_end(arguments);
}

/* ---- texts of errors */

/* What Windows says of errors for which other implementations have words of their own.
 * Source: System Error Codes (learn.microsoft.com/windows/win32/debug/system-error-codes). */
static const struct error_words {
    DWORD error;
    const wchar_t *text;
} error_words[] = {
    {ERROR_FILE_NOT_FOUND, L"The system cannot find the file specified."},
    {ERROR_PATH_NOT_FOUND, L"The system cannot find the path specified."},
    {ERROR_ACCESS_DENIED, L"Access is denied."},
    {ERROR_INVALID_HANDLE, L"The handle is invalid."},
    {ERROR_NOT_SUPPORTED, L"The request is not supported."},
    {ERROR_BAD_NETPATH, L"The network path was not found."},
    {ERROR_INVALID_PARAMETER, L"The parameter is incorrect."},
    {ERROR_CALL_NOT_IMPLEMENTED, L"This function is not supported on this system."},
    {ERROR_SHUTDOWN_IN_PROGRESS, L"A system shutdown is in progress."},
    {ERROR_NO_SHUTDOWN_IN_PROGRESS,
     L"Unable to abort the system shutdown because no shutdown was in progress."},
    {ERROR_NOT_FOUND, L"Element not found."},
    {ERROR_OBJECT_ALREADY_EXISTS, L"The object already exists."},
    {1190, L"A system shutdown has already been scheduled."},
    {1191, L"The system shutdown cannot be initiated because there are other users logged on to the computer."},
    {ERROR_PRIVILEGE_NOT_HELD, L"A required privilege is not held by the client."},
};

/* What Windows says of an error, without the end of the line; the text lasts until the next call. */
SHARED const wchar_t *error_text(DWORD error) {
    static wchar_t text[512];
    for (size_t each = 0; each < LENGTH(error_words); each++)
        if (error_words[each].error == error)
            return error_words[each].text;
    DWORD length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, error, 0,
                                  text, LENGTH(text), NULL);
    while (length && wcschr(L" \r\n", text[length - 1]))
        length--;
    text[length] = 0;
    if (!length)
        _snwprintf(text, LENGTH(text), L"Unknown error");
    return text;
}

/* ---- words of the command line */

/* Whether a word is an option, `/name` or `-name`, in whatever letters. */
SHARED int is_option(const wchar_t *word, const wchar_t *name) {
    return (*word == L'/' || *word == L'-') && _wcsicmp(word + 1, name) == 0;
}

/* What follows in `/name:value`; NULL for another word. */
SHARED const wchar_t *value_of(const wchar_t *word, const wchar_t *name) {
    size_t length = wcslen(name);
    int is_it = (*word == L'/' || *word == L'-') && _wcsnicmp(word + 1, name, length) == 0;
    return is_it && word[1 + length] == L':' ? word + length + 2 : NULL;
}

/* Read a word as a whole decimal number of at most `most`; 0 when it is none. */
SHARED int read_number(const wchar_t *word, unsigned long most, unsigned long *value) {
    unsigned long long number = 0;
    const wchar_t *digit = word;
    for (; *digit >= L'0' && *digit <= L'9'; digit++)
        if ((number = number * 10 + (*digit - L'0')) > most)
            return 0;
    *value = (unsigned long)number;
    return digit > word && !*digit;
}

#endif
