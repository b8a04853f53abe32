# Windows programs are found by name in login shells too, for which /etc/profile sets PATH anew.
case ":$PATH:" in
*:/mnt/c/windows/system32:*) ;;
*) PATH="$PATH:/mnt/c/windows/system32" ;;
esac
