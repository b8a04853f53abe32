/* Windows' shutdown: ends or restarts the machine, now or later, takes that back, and logs off.
 * Source: shutdown (learn.microsoft.com/windows-server/administration/windows-commands/shutdown). */
#include "common.h"

#define MOST_SECONDS 315360000
#define LONGEST_COMMENT 512
#define USAGE_ERROR 1
#define DEFAULT_SECONDS 30

enum action { NONE, SHUT_DOWN, RESTART, POWER_OFF, ABORT, LOG_OFF, UNSUPPORTED };

static struct {
    enum action action;
    int force;
    unsigned long seconds, reason;
    int has_seconds, has_reason;
    wchar_t *computer, *comment;
} wanted = {.seconds = DEFAULT_SECONDS};

static const struct {
    const wchar_t *name;
    enum action action;
} actions[] = {
    {L"s", SHUT_DOWN}, {L"sg", SHUT_DOWN}, {L"r", RESTART},     {L"g", RESTART},     {L"p", POWER_OFF},
    {L"a", ABORT},     {L"l", LOG_OFF},    {L"h", UNSUPPORTED}, {L"e", UNSUPPORTED}, {L"i", UNSUPPORTED},
};

static int usage(int status) {
    say(L"Usage: shutdown [/s | /sg | /r | /g | /p | /a | /l | /?] [/f]\n"
        L"    [/m \\\\computer] [/t xxx] [/d [p|u:]xx:yy] [/c \"comment\"]\n\n"
        L"    No args    Shows this help, as /? does.\n"
        L"    /s, /sg    Shuts the computer down.\n"
        L"    /r, /g     Shuts the computer down and starts it again.\n"
        L"    /p         Turns the local computer off at once and without a warning.\n"
        L"               Goes with /d and /f only.\n"
        L"    /a         Aborts a shutdown whose time has not come yet.\n"
        L"    /l         Logs off. Goes with /f only.\n"
        L"    /m \\\\computer  The computer that is meant.\n"
        L"    /t xxx     Seconds until the shutdown: 0 to %d, by default %d.\n"
        L"               More than 0 implies /f.\n"
        L"    /f         Ends running programs without warning their users.\n"
        L"    /c \"comment\"  Says why, in up to %d characters.\n"
        L"    /d [p|u:]xx:yy  The reason: planned (p), by the user (u), major and minor number.\n",
        MOST_SECONDS, DEFAULT_SECONDS, LONGEST_COMMENT);
    return status;
}

static int failed(DWORD error) {
    if (wanted.computer)
        complain(L"%ls: ", wanted.computer);
    complain(L"%ls(%lu)\n", error_text(error), error);
    return (int)error;
}

/* [p|u:]major:minor as the number that system logs have for it. */
static int read_reason(wchar_t *text) {
    unsigned long major, minor;
    wanted.reason = 0;
    if ((*text == L'p' || *text == L'P') && text[1] == L':')
        wanted.reason = SHTDN_REASON_FLAG_PLANNED, text += 2;
    else if ((*text == L'u' || *text == L'U') && text[1] == L':')
        wanted.reason = SHTDN_REASON_FLAG_USER_DEFINED, text += 2;
    wchar_t *colon = wcschr(text, L':');
    if (!colon)
        return 0;
    *colon = 0;
    if (!read_number(text, 0xFF, &major) || !read_number(colon + 1, 0xFFFF, &minor))
        return 0;
    wanted.reason |= major << 16 | minor;
    return wanted.has_reason = 1;
}

/* Take an option with its value; 0 when it is none, or its value is bad. */
static int take_value(const wchar_t *option, wchar_t *value) {
    if (is_option(option, L"t"))
        return wanted.has_seconds = read_number(value, MOST_SECONDS, &wanted.seconds);
    if (is_option(option, L"m"))
        return wanted.computer = value, *value != 0;
    if (is_option(option, L"c"))
        return wanted.comment = value, wcslen(value) <= LONGEST_COMMENT;
    return is_option(option, L"d") && read_reason(value);
}

static int take_action(const wchar_t *option) {
    for (size_t each = 0; each < LENGTH(actions); each++)
        if (is_option(option, actions[each].name)) {
            int is_first = wanted.action == NONE;
            wanted.action = actions[each].action;
            return is_first;
        }
    return 0;
}

static int read_words(int count, wchar_t **words) {
    for (int each = 1; each < count; each++) {
        if (is_option(words[each], L"f"))
            wanted.force = 1;
        else if (is_option(words[each], L"hybrid") || is_option(words[each], L"soft"))
            continue;
        else if (is_option(words[each], L"o") || is_option(words[each], L"fw"))
            wanted.action = UNSUPPORTED;
        else if (each + 1 < count && take_value(words[each], words[each + 1]))
            each++;
        else if (!take_action(words[each]))
            return 0;
    }
    int has_more = wanted.computer || wanted.comment || wanted.has_seconds;
    if (wanted.action == LOG_OFF)
        return !has_more && !wanted.has_reason;
    return wanted.action != NONE && !(wanted.action == POWER_OFF && has_more);
}

/* A privilege that a token holds has to be switched on; one that it does not hold is missed by the call itself. */
static void enable_privilege(void) {
    TOKEN_PRIVILEGES privileges = {.PrivilegeCount = 1, .Privileges[0].Attributes = SE_PRIVILEGE_ENABLED};
    const wchar_t *name = wanted.computer ? SE_REMOTE_SHUTDOWN_NAME : SE_SHUTDOWN_NAME;
    HANDLE token;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token))
        return;
    if (LookupPrivilegeValueW(NULL, name, &privileges.Privileges[0].Luid))
        AdjustTokenPrivileges(token, FALSE, &privileges, 0, NULL, NULL);
    CloseHandle(token);
}

static BOOL act(void) {
    switch (wanted.action) {
    case ABORT:
        return AbortSystemShutdownW(wanted.computer);
    case LOG_OFF:
        return ExitWindowsEx(EWX_LOGOFF | (wanted.force ? EWX_FORCE : 0), wanted.reason);
    case POWER_OFF:
        return ExitWindowsEx(EWX_POWEROFF | (wanted.force ? EWX_FORCE : 0), wanted.reason);
    case SHUT_DOWN:
    case RESTART:
        return InitiateSystemShutdownExW(wanted.computer, wanted.comment, wanted.seconds,
                                         wanted.force || wanted.seconds > 0, wanted.action == RESTART,
                                         wanted.reason);
    default:
        SetLastError(ERROR_NOT_SUPPORTED);
        return FALSE;
    }
}

int wmain(int count, wchar_t **words) {
    if (count == 1 || is_option(words[1], L"?"))
        return usage(0);
    if (!read_words(count, words))
        return usage(USAGE_ERROR);
    enable_privilege();
    return act() ? 0 : failed(GetLastError());
}
