/* Drives as volumes: their types, their names, and what is on them by these names; a manifest in a file of its own. */
#include <string.h>

#include "check.h"

static wchar_t folder[MAX_PATH], path[MAX_PATH], volume[MAX_PATH];

static void types(void)
{
    wchar_t names[MAX_PATH];
    DWORD length = GetLogicalDriveStringsW(MAX_PATH, names), flags, longest;

    check(GetDriveTypeW(L"C:\\") == DRIVE_FIXED, "the type of a drive");
    check(GetDriveTypeW(L"C:") == DRIVE_FIXED && GetDriveTypeW(NULL) == GetDriveTypeW(L"\\"), "in other words");
    check(GetDriveTypeW(L"Q:\\") == DRIVE_NO_ROOT_DIR, "one that is not there");
    check(length && !wcscmp(names, L"C:\\"), "the drives' names");
    check(GetLogicalDrives() >> 2 & 1, "their bits");
    check(GetVolumeInformationW(L"C:\\", NULL, 0, NULL, &longest, &flags, NULL, 0) && longest == 255, "what is known of one");
    check(!GetVolumeInformationW(L"C:\\windows", NULL, 0, NULL, NULL, NULL, NULL, 0), "and not of a folder");
}

static void names(void)
{
    wchar_t found[MAX_PATH], device[MAX_PATH], long_path[2 * MAX_PATH];
    HANDLE file;
    DWORD length;

    check(GetVolumeNameForVolumeMountPointW(L"C:\\", volume, MAX_PATH), "a volume has a name");
    check(!wcsncmp(volume, L"\\\\?\\Volume{", 11) && wcslen(volume) == 49 && volume[48] == '\\', "of its own");
    check(!GetVolumeNameForVolumeMountPointW(L"C:", found, MAX_PATH) && GetLastError() == ERROR_INVALID_NAME, "by a root alone");
    check(!GetVolumeNameForVolumeMountPointW(L"Q:\\", found, MAX_PATH) && GetLastError() == ERROR_FILE_NOT_FOUND,
          "that is there");
    check(!GetVolumeNameForVolumeMountPointW(L"C:\\", found, 20) && GetLastError() == ERROR_FILENAME_EXCED_RANGE,
          "and room for it");
    file = CreateFileW(path, GENERIC_WRITE, 7, NULL, CREATE_ALWAYS, 0, NULL);
    length = GetFinalPathNameByHandleW(file, found, MAX_PATH, VOLUME_NAME_GUID);
    _snwprintf(long_path, 2 * MAX_PATH, L"%ls%ls", volume, path + 3);
    check(length == wcslen(long_path) && !wcscmp(found, long_path), "a file's path by its volume's name");
    check(QueryDosDeviceW(L"C:", device, MAX_PATH) && !wcsncmp(device, L"\\Device\\Harddisk", 16), "the device behind a drive");
    length = GetFinalPathNameByHandleW(file, found, MAX_PATH, VOLUME_NAME_NT);
    _snwprintf(long_path, 2 * MAX_PATH, L"%ls%ls", device, path + 2);
    check(length == wcslen(long_path) && !wcscmp(found, long_path), "a file's path by its device");
    check(GetVolumePathNameW(path, found, MAX_PATH) && !wcscmp(found, L"C:\\"), "the drive that a file is on");
    CloseHandle(file);
    check(GetVolumePathNamesForVolumeNameW(volume, found, MAX_PATH, &length) && !wcscmp(found, L"C:\\") && length == 5,
          "where a volume is");
}

static void listing(void)
{
    wchar_t name[MAX_PATH];
    HANDLE search = FindFirstVolumeW(name, MAX_PATH);
    int seen = 0, own = 0;

    check(search != INVALID_HANDLE_VALUE, "volumes are listed");
    do
    {
        seen += wcslen(name) == 49;
        own += !wcscmp(name, volume);
    } while (FindNextVolumeW(search, name, MAX_PATH));
    check(GetLastError() == ERROR_NO_MORE_FILES && seen >= own && own == 1, "each of them once");
    check(FindVolumeClose(search), "to the end");
}

static void manifest(void)
{
    static const char text[] = "<assembly xmlns=\"urn:schemas-microsoft-com:asm.v1\" manifestVersion=\"1.0\">"
                               "<assemblyIdentity version=\"1.2.3.4\" name=\"test\" type=\"win32\"/></assembly>";
    ACTCTXW request = {.cbSize = sizeof request, .lpSource = path};
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 7, NULL, CREATE_ALWAYS, 0, NULL), context;
    ULONG_PTR cookie;
    DWORD size;

    WriteFile(file, text, sizeof text - 1, &size, NULL);
    CloseHandle(file);
    context = CreateActCtxW(&request);
    check(context != INVALID_HANDLE_VALUE, "a manifest in a file");
    check(ActivateActCtx(context, &cookie) && DeactivateActCtx(0, cookie), "is put to use");
    ReleaseActCtx(context);
    file = CreateFileW(path, GENERIC_WRITE, 7, NULL, CREATE_ALWAYS, 0, NULL);
    WriteFile(file, "<assembly", 9, &size, NULL);
    CloseHandle(file);
    check(CreateActCtxW(&request) == INVALID_HANDLE_VALUE && GetLastError() == ERROR_SXS_CANT_GEN_ACTCTX, "one that is none");
}

int main(void)
{
    GetTempPathW(MAX_PATH - 40, folder);
    _snwprintf(path, MAX_PATH, L"%lslichen-volume.manifest", folder);
    GetLongPathNameW(folder, folder, MAX_PATH);
    _snwprintf(path, MAX_PATH, L"%lslichen-volume.manifest", folder);
    types();
    names();
    listing();
    manifest();
    check(DeleteFileW(path), "nothing is left");
    return 0;
}
