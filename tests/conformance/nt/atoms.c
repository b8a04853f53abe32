/* The machine's table of atoms. */
#include <string.h>

#include "check.h"

int main(void)
{
    char name[64];
    ATOM first = GlobalAddAtomA("Lichen Atom"), again = GlobalAddAtomA("LICHEN ATOM");

    check(first >= 0xC000, "an atom is made");
    check(first == again, "its name is blind to case");
    check(GlobalFindAtomA("lichen atom") == first, "it is found");
    check(GlobalGetAtomNameA(first, name, sizeof name) == 11 && !strcmp(name, "Lichen Atom"), "its name is the first");
    check(GlobalDeleteAtom(first) == 0 && GlobalFindAtomA("Lichen Atom") == first, "it was used twice");
    check(GlobalDeleteAtom(first) == 0 && GlobalFindAtomA("Lichen Atom") == 0, "and goes with its last use");
    check(GlobalAddAtomA("#123") == 123, "numbers stand for themselves");
    return 0;
}
