#!/bin/sh
# Lichen: Windows' more, for the Windows programs of machines whose userland has none: pages on a terminal, all at once elsewhere.

first=1 squeeze= count=0
for word; do
    shift
    case $word in
        +[0-9]*) first=$((${word#+} + 1)) ;;
        /[sS]) squeeze=-s ;;
        '/?')
            printf 'MORE [/S] [+n] < file, command | MORE, or MORE [/S] [+n] files\r\n'
            exit 0 ;;
        /[eEcCpP] | /[tT][0-9]*) ;;
        *)
            name=$(/usr/bin/wslpath -u -- "$word") || exit 1
            if [ ! -f "$name" ]; then
                printf 'Cannot access file %s\r\n' "$word" >&2
                exit 1
            fi
            set -- "$@" "$name" ;;
    esac
done
if [ -t 1 ] && command -v more >/dev/null; then
    # Linux's more asks on its standard error, and reads keys there when its standard input is no terminal.
    cat $squeeze -- "$@" | tail -n "+$first" | more
else
    cat $squeeze -- "$@" | tail -n "+$first"
fi
