/* Prints what ReadDirectoryChangesW tells of a folder and those below it, until a file `stop` is made in it. */
#include <stdio.h>
#include <string.h>
#include <windows.h>

#define WANTED (FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME | FILE_NOTIFY_CHANGE_SIZE)
#define FLAGS (FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OVERLAPPED)

static char records[4096] __attribute__((aligned(8)));

/* Whether the records tell of `stop`. */
static int print(FILE_NOTIFY_INFORMATION *record) {
    for (;;) {
        if (record->FileNameLength == 8 && !memcmp(record->FileName, L"stop", 8))
            return 1;
        printf("%lu %.*ls\n", record->Action, (int)record->FileNameLength / 2, record->FileName);
        if (!record->NextEntryOffset)
            return 0;
        record = (void *)((char *)record + record->NextEntryOffset);
    }
}

int main(int count, char **words) {
    HANDLE folder = CreateFileA(words[1], FILE_LIST_DIRECTORY, 7, NULL, OPEN_EXISTING, FLAGS, NULL);
    OVERLAPPED request = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    if (count != 2 || folder == INVALID_HANDLE_VALUE)
        return 1;
    for (int first = 1;; first = 0) {
        DWORD size;
        if (!ReadDirectoryChangesW(folder, records, sizeof records, TRUE, WANTED, NULL, &request, NULL))
            return 1;
        if (first)
            puts("ready");
        fflush(stdout);
        if (!GetOverlappedResult(folder, &request, &size, TRUE) || !size)
            return 1;
        if (print((void *)records))
            return 0;
    }
}
